"""Training: fits classifier and embedder to labelled photos, and writes them as model_repository entries."""
