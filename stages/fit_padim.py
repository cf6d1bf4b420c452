"""Fit PaDiM's Gaussians on the sampled normal frames: data/models/padim."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("padim")


if __name__ == "__main__":
    stage.run(main)
