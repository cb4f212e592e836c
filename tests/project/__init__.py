"""The project itself: imports, documents, messages, benchmarks."""
