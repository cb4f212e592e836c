"""Benchmarks; never run under pytest. ``python -m benchmarks --help``."""
