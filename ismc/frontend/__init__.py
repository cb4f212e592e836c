"""Frontends: a model object to a `Graph` of layer calls."""
