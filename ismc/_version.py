"""The version of ismc."""

__version__ = "0.1.0"
