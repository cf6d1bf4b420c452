"""Fit the semantic prototypes, once per fold, from the cached embeddings."""

from vad.pipeline import stage
from vad.protocol import fitting


def main() -> dict:
    return fitting.fit("prototypes")


if __name__ == "__main__":
    stage.run(main, name="fit_prototypes")  # the name under which its cost is reported
