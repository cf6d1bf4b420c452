"""The spatio-temporal autoencoder (Zhao et al. 2017): network, windows of frames, training, errors, detector."""

from vad.detectors.stae.detector import LABELLED, ROLE, SOURCE, Detector, Params, fit

__all__ = ["LABELLED", "ROLE", "SOURCE", "Detector", "Params", "fit"]
