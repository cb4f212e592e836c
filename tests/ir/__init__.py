"""The algebra of positions."""
