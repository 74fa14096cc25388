"""Filters: predicates on the attributes of gallery images, asked of the gateway and answered at the searchers."""
