"""Average the class activation maps of the reference frames: data/models/gradcam."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("gradcam")


if __name__ == "__main__":
    stage.run(main)
