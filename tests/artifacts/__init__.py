"""Artifacts and the cache."""
