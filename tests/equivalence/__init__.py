"""Whole models against the naive program."""
