"""Train the spatio-temporal autoencoder on the training clips; an interrupted training goes on where it was."""

from vad import detectors, stage


def main() -> dict:
    return detectors.fit("stae")


if __name__ == "__main__":
    stage.run(main)
