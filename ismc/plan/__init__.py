"""The plan of a program: every number of it, what it costs, and how it prints."""
