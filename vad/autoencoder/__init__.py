"""The parts of the spatio-temporal autoencoder: network, windows of frames, training, errors."""
