"""The detectors, one file (or package) each."""
