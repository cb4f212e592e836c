"""Stores of scores: Zarr groups, written block by block."""
