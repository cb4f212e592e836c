"""The plan and its costs."""
