"""Helpers of the schedule pass: the steps of each layer, and where they are computed."""
