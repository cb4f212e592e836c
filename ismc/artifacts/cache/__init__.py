"""Compiled programs kept between runs, and the keys they are found by."""
