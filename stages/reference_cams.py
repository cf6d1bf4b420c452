"""Average the class activation maps of the reference frames: data/models/gradcam."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("gradcam")


if __name__ == "__main__":
    stage.run(main)
