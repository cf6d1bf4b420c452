"""The detectors' scores, smoothed, calibrated and combined."""
