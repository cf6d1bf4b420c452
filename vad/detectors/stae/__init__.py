"""The spatio-temporal autoencoder (Zhao et al. 2017): network, windows of frames, training, errors, detector."""

from vad.detectors.stae.detector import Detector, Params, fit

TITLE = "ST autoencoder"
READS = ("frames",)
ROLE = "fit_all"
LABELLED = False
BENCHMARK = {"score": "figure >= 60"}

__all__ = ["Detector", "Params", "fit"]
