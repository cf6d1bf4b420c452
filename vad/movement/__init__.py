"""What moves in the picture: optical flow, foreground, objects and their speeds."""
