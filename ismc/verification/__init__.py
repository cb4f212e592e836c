"""Verification: compares compiled programs with the model."""
