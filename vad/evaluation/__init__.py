"""Measures of scores and decisions: ranking, alarms, thresholds, localisation, the leak."""
