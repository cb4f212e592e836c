"""Bulk scoring."""
