"""Store SPADE's features of the sampled normal frames: data/models/spade."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("spade")


if __name__ == "__main__":
    stage.run(main)
