"""Joint image-text encoders, which embed frames and sentences in one space."""
