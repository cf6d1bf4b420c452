"""Average the class activation maps of the reference frames: data/models/gradcam."""

from vad import detectors, stage


def main() -> dict:
    return detectors.fit("gradcam")


if __name__ == "__main__":
    stage.run(main)
