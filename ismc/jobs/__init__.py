"""Scoring in bulk: from models and records to a store of scores."""
