"""How programs run."""
