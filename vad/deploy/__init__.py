"""What was fitted, at work: the bundle, streams of frames through it, cameras and files, alarms and where they go."""
