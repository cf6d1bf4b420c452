"""What a run's scores are worth: scorecards, curves, segments, the leak."""
