"""What stages read: saved models, lists of architectures, the user's own labels, training-free scores."""
