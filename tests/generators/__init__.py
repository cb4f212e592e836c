"""Random models, each from one seed."""
