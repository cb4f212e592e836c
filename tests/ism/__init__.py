"""What `compile` returns."""
