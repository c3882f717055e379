"""The ports, for real: the only place with blocking calls."""
