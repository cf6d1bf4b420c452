"""Fit the trajectory detector on the person boxes of the training clips."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("tracks")


if __name__ == "__main__":
    stage.run(main)
