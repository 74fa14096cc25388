"""Whom the gateway calls: where searchers and Tritons are, which of them are there, and the calls themselves."""
