"""The detectors' scores, smoothed, calibrated, combined and decided on."""
