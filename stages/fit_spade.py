"""Store SPADE's features of the sampled normal frames: data/models/spade."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("spade")


if __name__ == "__main__":
    stage.run(main)
