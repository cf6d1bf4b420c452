"""Fit the speeds that are normal at each position."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("motion")


if __name__ == "__main__":
    stage.run(main)
