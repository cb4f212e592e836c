"""Files: sequences that are read, and scores that are written."""
