"""Codegen: a plan to Python source, and the source to a compiled function."""
