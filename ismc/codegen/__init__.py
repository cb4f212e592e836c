"""Code generation: from a plan to Python source, and from the source to a function."""
