"""Written with its part."""
