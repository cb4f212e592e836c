"""The cache of compiled programs on disk, and the keys of its entries."""
