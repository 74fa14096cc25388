"""Triton and its models: launcher, client, metadata, golden answers, space id."""
