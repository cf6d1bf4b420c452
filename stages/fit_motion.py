"""Fit the speeds that are normal at each position."""

from vad import detectors, stage


def main() -> dict:
    return detectors.fit("motion")


if __name__ == "__main__":
    stage.run(main)
