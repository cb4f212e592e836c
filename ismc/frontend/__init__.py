"""Frontends: read a model object into a `Graph` of layer calls."""
