"""Curves need both classes: a detector that has one is left out, and so is a figure without any curve."""

from pathlib import Path

import numpy as np
import pandas as pd

from vad.visualization import pictures


def table(labels: dict[str, list[int]]) -> pd.DataFrame:
    rows = [{"detector": name, "label": label, "shown": float(label)} for name, own in labels.items() for label in own]
    return pd.DataFrame(rows)


def test_no_curve_of_one_class(tmp_path: Path, recwarn) -> None:
    drawn = tmp_path / "drawn"
    for draw in (pictures.roc, pictures.precision_recall):
        draw(table({"padim": [0, 0], "stae": [1, 1]}), {}, tmp_path / "none", 50)
        draw(table({"padim": [0, 0], "stae": [0, 1]}), {"stae": {"roc_auc": 1.0}}, drawn, 50)
    assert {path.stem for path in tmp_path.iterdir()} == {"drawn"}
    assert not [str(w.message) for w in recwarn if "sample" in str(w.message) or "class" in str(w.message)]


def test_densities_of_one_class(tmp_path: Path) -> None:
    rows = table({"padim": [0] * 20}).assign(shown=np.linspace(0, 1, 20), level=0.5)
    pictures.distributions(rows, tmp_path / "densities", 50)
    assert (tmp_path / "densities.png").exists()
