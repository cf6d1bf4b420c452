"""Networks that were trained elsewhere: image backbones, and joint image-text encoders in one space of both."""
