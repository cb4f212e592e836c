"""Execution of compiled programs: tiles, shards and devices, on TensorFlow or JAX."""
