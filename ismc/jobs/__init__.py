"""Bulk scoring: from models and records to a store of scores."""
