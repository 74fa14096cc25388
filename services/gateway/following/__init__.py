"""Which snapshot is served: the one to begin with, and moving to the next when no shard is lost by it."""
