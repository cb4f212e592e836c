"""The callables that `compile`, `ensemble` and `load` return."""
