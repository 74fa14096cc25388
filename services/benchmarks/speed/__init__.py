"""`make bench`: what serving costs over the limit, which is the same work by function call in one process."""
