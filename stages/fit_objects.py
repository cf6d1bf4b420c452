"""Fit the densities of normal objects."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("objects")


if __name__ == "__main__":
    stage.run(main)
