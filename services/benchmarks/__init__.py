"""Measures what the project promises, one module per promise, with the commands that users type."""
