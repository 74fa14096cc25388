"""The snapshot format: one immutable, checksummed set of shards per build; design of record in docs/snapshot.md."""
