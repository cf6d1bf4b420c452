"""Train the spatio-temporal autoencoder on the training clips; an interrupted training goes on where it was."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("stae")


if __name__ == "__main__":
    stage.run(main)
