"""Models that are read."""
