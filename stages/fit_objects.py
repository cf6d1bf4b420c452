"""Fit the densities of normal objects."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("objects")


if __name__ == "__main__":
    stage.run(main)
