"""Fit the semantic prototypes, once per fold, from the cached embeddings."""

from vad import stage
from vad.harness import detectors


def main() -> dict:
    return detectors.fit("prototypes")


if __name__ == "__main__":
    stage.run(main, name="fit_prototypes")  # the name under which its cost is reported
