"""Fit the trajectory detector on the person boxes of the training clips."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("tracks")


if __name__ == "__main__":
    stage.run(main)
