"""The plan of a program: its steps, sizes and costs, and how they are printed."""
