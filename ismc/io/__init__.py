"""Files: readers of sequences, stores of scores, and converters of scores."""
