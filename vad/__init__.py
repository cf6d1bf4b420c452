"""Video anomaly detection: data sets, detectors, protocols and honest evaluation, without DVC."""

import time

LOADED = time.time()  # before any other module of the project
