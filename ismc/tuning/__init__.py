"""Plans chosen by measurement on this machine."""
