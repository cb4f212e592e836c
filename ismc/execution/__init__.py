"""How a compiled program runs: tiles, shards and devices, on TensorFlow or JAX."""
