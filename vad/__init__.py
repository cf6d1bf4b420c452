"""Video anomaly detection: data sets, detectors, protocols and honest evaluation, without DVC."""
