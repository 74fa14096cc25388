"""The shard search beside what someone would pick from PyPI: same vectors, queries and filters, in one process."""
