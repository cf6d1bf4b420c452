"""What moves in the picture: optical flow, foreground, objects, their speeds and their tracks."""
