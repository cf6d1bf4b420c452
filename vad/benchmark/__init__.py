"""Speed and memory of the detectors on this machine, judged by bars."""
