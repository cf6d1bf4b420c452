"""Train the spatio-temporal autoencoder on the training clips; an interrupted training goes on where it was."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("stae")


if __name__ == "__main__":
    stage.run(main)
