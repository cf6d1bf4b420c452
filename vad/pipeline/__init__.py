"""What every stage is run with: parameters, artifacts, errors, the results of a run. It computes nothing."""
