"""Aisle on Kubernetes: the objects of each shard's searcher from a snapshot's manifest, and the rules they keep."""
