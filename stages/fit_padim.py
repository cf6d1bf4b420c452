"""Fit PaDiM's Gaussians on the sampled normal frames: data/models/padim."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("padim")


if __name__ == "__main__":
    stage.run(main)
