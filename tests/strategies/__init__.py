"""The forms of a convolution of differences."""
