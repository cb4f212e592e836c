"""Tests of ismc, and the models they share with the benchmarks."""
