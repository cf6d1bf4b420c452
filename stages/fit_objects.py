"""Fit the densities of normal objects."""

from vad import detectors, stage


def main() -> dict:
    return detectors.fit("objects")


if __name__ == "__main__":
    stage.run(main)
