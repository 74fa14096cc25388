"""Evaluation: the same labelled photos under every policy, and how much the cascade gains over one index."""
