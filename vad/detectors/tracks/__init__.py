"""Trajectories of persons: how a person moves, how the box's shape goes with it, whether such a box belongs there."""

from vad.detectors.tracks.detector import Detector, Params, fit

TITLE = "Tracks"
READS = ("tracks",)
ROLE = "fit_all"
LABELLED = False

__all__ = ["Detector", "Params", "fit"]
