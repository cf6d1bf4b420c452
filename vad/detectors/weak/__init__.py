"""Learning from one label per video: regions and their evidence, and the temporal network of snippet features."""

from vad.detectors.weak.detector import Detector, Params, fit, why_not

TITLE = "Weak supervision"
READS = ("frames", "objects")
ROLE = "weak"
LABELLED = True
REVISION = 2  # eight measures of a region

__all__ = ["Detector", "Params", "fit", "why_not"]
