"""What `compile` and `load` return."""
