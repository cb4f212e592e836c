"""The sides of a race: processes that answer requests, each with the Python it needs."""
