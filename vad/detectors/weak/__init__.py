"""Learning from one label per video: snippets, network, losses, training, heat maps, detector."""
