"""Checkpoints of a training: written whole or not at all, named after everything that the result depends on."""

import hashlib
import json
import os
from pathlib import Path


def save(path: Path, values: dict) -> None:
    """Write ``values`` beside the old checkpoint, then put them in its place: a kill leaves one or the other, whole."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    torch.save(values, temporary)
    os.replace(temporary, path)


def load(path: Path, device: str) -> dict | None:
    """What :func:`save` wrote; None where there is no such file."""
    import torch

    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None


def key(params, seed: int, inputs: list) -> str:
    """A name for a training run.

    Args:
        params: a section of params.yaml.
        inputs: what it trains on, in JSON's types: names and frame numbers of clips, digests of arrays.
    """
    text = json.dumps([params.model_dump(), seed, inputs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
