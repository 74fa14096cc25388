"""Aisle's processes (gateway, searcher, indexer, loadtest), what they share, and the tools around them."""
