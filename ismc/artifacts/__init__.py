"""Files of compiled programs: portable artifacts and the cache on disk."""
