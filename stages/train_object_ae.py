"""Train the object autoencoders and fit the classifiers of their codes."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("object_ae")


if __name__ == "__main__":
    stage.run(main)
