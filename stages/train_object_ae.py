"""Train the object autoencoders and fit the classifiers of their codes."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("object_ae")


if __name__ == "__main__":
    stage.run(main)
