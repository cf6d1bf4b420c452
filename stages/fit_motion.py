"""Fit the speeds that are normal at each position."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("motion")


if __name__ == "__main__":
    stage.run(main)
