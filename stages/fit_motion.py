"""Fit the motion detector on the training clips: data/models/motion."""

from vad import detectors, stage


def main() -> dict:
    return detectors.fit("motion")


if __name__ == "__main__":
    stage.run(main)
