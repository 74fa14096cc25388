"""Training: fits the embedder's projection and the classifier, and writes them as model_repository entries."""
