"""Densities and tails that several detectors share."""
