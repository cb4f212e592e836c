"""Scores that are written: Zarr stores, block by block."""
