"""The last pass in parts: the steps of each layer, and where they are computed."""
