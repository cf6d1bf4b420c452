"""The report: what a run left behind, gathered as facts and rendered as a paper.

No number is typed in a template: each comes from a file of the run, from params.yaml or from report/published.yaml.
Whatever a run did not produce (masks, events, a leak table, detectors) is absent from the report too.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pydantic
import yaml

from vad import provenance
from vad.latex import NONE, Tex, environment
from vad.names import ordered, title
from vad.params import Section
from vad.results import METRICS, TIMINGS, read_json, read_metrics, read_table, read_timings

DATA = Path("data")
PICTURES = Path("plots/pictures")
TEMPLATES = Path("report")


MOST_SCENES = 20  # listed one by one
FITTED_BY = {"gradcam": "reference_cams", "stae": "train_stae"}  # where the stage is not fit_<detector>
SHARED = {"prototypes": "embed", "zeroshot": "embed", "objects": "extract_objects", "object_ae": "extract_objects"}


class Params(Section):
    """Section ``report``."""

    title: str = pydantic.Field(min_length=1)
    authors: list[str]


class Known(dict):
    """A JSON object in which what nobody wrote is None: templates print it as a dash."""

    def __missing__(self, key: str) -> None:
        return None


def known(entries: dict[str, object]) -> dict[str, Known]:
    """The objects among ``entries``."""
    return {name: Known(own) for name, own in entries.items() if isinstance(own, dict)}


class Facts:
    """Everything that the templates may say, read from ``root``.

    Args:
        values: the whole of params.yaml.
        late: stages whose cost is not told, because they may run after the report is written.
    """

    def __init__(self, root: Path, values: dict, late: Sequence[str] = ()) -> None:
        self.root, self.values = root, values
        everything = read_metrics(root / METRICS)
        self.metrics = known({name: own for name, own in everything.items() if "skipped" not in own})
        self.skipped = {name: own["skipped"] for name, own in everything.items() if "skipped" in own}
        self.fusion = Known(read_json(root / DATA / "fusion.json"))
        self.timings = known({name: own for name, own in read_timings(root / TIMINGS).items() if name not in late})

    @property
    def detectors(self) -> list[str]:
        """Those that ran, in the order of ``vad.names``."""
        return ordered(self.metrics)

    @property
    def ranked(self) -> list[str]:
        """Those that ran, the highest micro AUC first."""
        return sorted(self.detectors, key=lambda name: -(self.metrics[name]["roc_auc"] or 0))

    @property
    def singles(self) -> list[str]:
        """Those that are no fusion, the highest micro AUC first."""
        return [name for name in self.ranked if not name.startswith("fusion")]

    @property
    def widest(self) -> float | None:
        """The widest interval of a micro AUC."""
        widths = [own["roc_auc_high"] - own["roc_auc_low"] for own in self.metrics.values() if own.get("roc_auc_low")]
        return max(widths, default=None)

    def param(self, key: str) -> object:
        """A value of params.yaml by its dotted name, lists joined; the name itself where it is not there."""
        value = self.values
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                return key
            value = value[part]
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def any_has(self, *keys: str) -> bool:
        """Whether some detector has a value for one of the metrics ``keys``."""
        return any(own.get(key) is not None for own in self.metrics.values() for key in keys)

    @property
    def dataset(self) -> dict:
        """name; rows by split and scene with a total each: split, scene, clips, frames, abnormal, size, fps."""
        manifest = read_table(self.root / DATA / "manifest.csv")
        rows, totals = [], {}
        for split in ("train", "test"):
            part = manifest[manifest["split"] == split]
            scenes = list(part.groupby("scene", sort=True))
            totals[split] = _overview(split, "all", part)
            rows += [_overview(split, scene, clips) for scene, clips in scenes] if len(scenes) <= MOST_SCENES else []
            rows += [totals[split]] if len(scenes) > 1 else []
        root = self.values.get("data", {}).get("root", "")
        return {
            "name": Path(str(root)).name or "the data",
            "rows": rows,
            "train": totals["train"],
            "test": totals["test"],
        }

    @property
    def roles(self) -> list[dict]:
        """The sample's roles: role, label, wanted (None: all that there are), drawn."""
        table = read_table(self.root / DATA / "sample.csv")
        return [{key: _known(value) for key, value in row.items()} for row in table.to_dict("records")]

    @property
    def quality(self) -> list[dict]:
        """Corrupted frames by problem and action: problem, action, frames, clips."""
        table = read_table(self.root / DATA / "input_quality.csv")
        if table.empty:
            return []
        groups = table.groupby(["problem", "action"], as_index=False)
        return groups.agg(frames=("frame", "size"), clips=("clip", "nunique")).to_dict("records")

    @property
    def leak(self) -> dict[str, dict]:
        """The leak table by method: paper, clean and leak, each with its interval."""
        return known(read_json(self.root / METRICS / "leak.json") or read_json(self.root / DATA / "leak.json"))

    @property
    def levels(self) -> dict[str, Known]:
        """Zero-shot decisions: ``frame``, ``segment``, ``video`` -> precision, recall, f1, tp, fp, fn, tn."""
        found = read_json(self.root / DATA / "zeroshot/levels.json")
        return known({level: found[level] for level in ("frame", "segment", "video") if level in found})

    @property
    def prompts(self) -> list[dict]:
        """The prompts that won most segments of test clips: prompt, segments, abnormal (share of them)."""
        table = read_table(self.root / DATA / "zeroshot/segments.csv")
        if table.empty:
            return []
        table = table[table["role"] == "test"]
        won = table.groupby("prompt", as_index=False).agg(segments=("label", "size"), abnormal=("label", "mean"))
        return won.sort_values(["segments", "prompt"], ascending=[False, True]).head(6).to_dict("records")

    @property
    def published(self) -> list[dict]:
        """Figures of the literature: report/published.yaml."""
        return [Known(own) for own in yaml.safe_load((self.root / TEMPLATES / "published.yaml").read_text())]

    def published_for(self, detector: str) -> float | None:
        """What the reproduced paper printed for ``detector``."""
        return next((own["value"] for own in self.published if own["reproduces"] == detector), None)

    def cost(self, detector: str) -> dict:
        """What the detector cost; None where it was not recorded.

        Returns:
            fit_seconds, fit_frames; score_ms and shared_ms, per frame: scoring, and the stage before it whose result
            several detectors share (embeddings, objects); peak_mib, the largest of them.
        """
        fit = self.timings.get(FITTED_BY.get(detector, f"fit_{detector}"), Known())
        scored = self.timings.get(f"score@{detector}", Known())
        shared = self.timings.get(SHARED.get(detector, ""), Known())
        peaks = [own["peak_mib"] for own in (fit, scored, shared) if own["peak_mib"]]
        return {
            "fit_seconds": fit["seconds"],
            "fit_frames": fit["frames"] or None,
            "score_ms": _per_frame(scored),
            "shared_ms": _per_frame(shared),
            "peak_mib": max(peaks, default=None),
        }

    @property
    def costs(self) -> dict[str, dict]:
        """What is known of the single detectors' costs, by detector, the highest micro AUC first."""
        costs = {name: self.cost(name) for name in self.singles}
        return {name: own for name, own in costs.items() if any(value is not None for value in own.values())}

    @property
    def event_types(self) -> dict[str, dict]:
        """Event type -> the best single detector on it and its AUC, the hardest type first."""
        best: dict[str, dict] = {}
        for name in self.singles:
            for kind, value in (self.metrics[name].get("by_event") or {}).items():
                if value is not None and value > best.get(kind, {}).get("auc", -1):
                    best[kind] = {"auc": value, "detector": name}
        return dict(sorted(best.items(), key=lambda item: item[1]["auc"]))

    def figure(self, name: str) -> str | None:
        """Path of picture ``name`` from the report's folder, the vector form first; None where it was not drawn."""
        for suffix in (".pdf", ".png"):
            if (self.root / PICTURES / f"{name}{suffix}").exists():
                return f"../{PICTURES.as_posix()}/{name}{suffix}"
        return None

    def figures(self, prefix: str) -> dict[str, str]:
        """The pictures whose names start with ``prefix``: rest of the name -> path from the report's folder."""
        found = {path.stem for path in (self.root / PICTURES).glob(f"{prefix}*")}
        return {name.removeprefix(prefix): self.figure(name) for name in sorted(found)}

    @property
    def panels(self) -> dict[str, str]:
        """Detector -> its heat-map panel, in the order of the detectors."""
        drawn = self.figures("panels_")
        return {name: drawn[name] for name in ordered(drawn)}

    @property
    def videos(self) -> list[str]:
        """The annotated clips."""
        return sorted(path.name for path in (self.root / DATA / "videos").glob("*.mp4"))

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """params.yaml, flattened: dotted name, value."""
        return list(_flat(self.values))

    @property
    def provenance(self) -> dict:
        """revision, versions, processor, machines (of the stages' records)."""
        machines = sorted({own["machine"] for own in self.timings.values() if "machine" in own})
        return {
            "revision": provenance.revision(),
            "versions": provenance.versions(),
            "processor": provenance.processor(),
            "machines": machines,
        }

    def methods(self, folder: Path) -> list[str]:
        """The templates that describe what ran, ``methods/<detector>.tex.j2``; all fusions share fusion.tex.j2."""
        names = dict.fromkeys("fusion" if name.startswith("fusion") else name for name in self.detectors)
        return [f"methods/{name}.tex.j2" for name in names if (folder / f"methods/{name}.tex.j2").exists()]


def _overview(split: str, scene: str, clips: pd.DataFrame) -> dict:
    sizes = clips.groupby(["width", "height"]).size()
    return {
        "split": split,
        "scene": scene,
        "clips": len(clips),
        "frames": int(clips["frames"].sum()),
        "abnormal": int(clips["abnormal_frames"].sum()),
        "seconds": float((clips["frames"] / clips["fps"]).sum()),
        "size": f"{sizes.idxmax()[0]:.0f} x {sizes.idxmax()[1]:.0f}" if len(sizes) else NONE,
    }


def _per_frame(cost: Known) -> float | None:
    """Milliseconds per frame of a stage's record."""
    return 1000 * cost["seconds"] / cost["frames"] if cost["frames"] else None


def _known(value: object) -> object:
    return None if pd.isna(value) else value


def _flat(values: dict, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", "; ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return rows


def render(facts: Facts, params: Params, folder: Path = TEMPLATES) -> str:
    """The report as LaTeX.

    The body is rendered first: what it cites, in that order, is what the bibliography lists.

    Args:
        folder: where template.tex.j2, body.tex.j2, methods/ and references.yaml are.
    """
    made = environment(folder)
    made.filters |= {"title": title, "titles": lambda names: [title(name) for name in names]}
    given = {"facts": facts, "params": params, "param": facts.param, "methods": facts.methods(folder), "ref": Tex}
    body = made.get_template("body.tex.j2").render(given)
    entries = yaml.safe_load((folder / "references.yaml").read_text())
    cited = dict.fromkeys(key.strip() for keys in re.findall(r"\\cite\{([^}]*)\}", body) for key in keys.split(","))
    references = {key: Tex(entries[key]) for key in cited}
    return made.get_template("template.tex.j2").render(given, body=Tex(body), references=references)
