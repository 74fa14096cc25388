"""What a similarity is worth: scores as probabilities, with the classifier's prior, fitted to held-out photos."""
