"""What operators see of a gateway: what it counts, and what it tells of those behind it."""
