"""The functions of generated programs."""
