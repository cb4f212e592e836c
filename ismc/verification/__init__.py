"""Compiled programs compared with the naive program, when they are compiled."""
