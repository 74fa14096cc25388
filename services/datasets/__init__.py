"""Datasets: adapters that turn public collections and folder trees into catalogues and labelled photos."""
