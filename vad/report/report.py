"""The report: what a run left behind, gathered as facts and rendered as a paper.

No number is typed in a template: each comes from a file of the run, from params.yaml or from report/published.yaml.
Whatever a run did not produce (masks, events, a leak table, detectors) is absent from the report too.
"""

import re
from functools import cached_property
from pathlib import Path

import pydantic
import yaml

from vad.detectors import registry
from vad.detectors.titles import ordered, title
from vad.pipeline.params import Section
from vad.pipeline.results import METRICS, Known, known, read_json, read_metrics, read_table, why_unranked
from vad.report import overview, provenance
from vad.report.latex import Tex, environment

DATA = Path("data")
PICTURES = (Path("plots/pictures"), Path("plots/curves"), Path("plots/insights"))
TEMPLATES = Path("report")


class Params(Section):
    """Section ``report``."""

    title: str = pydantic.Field(min_length=1)
    authors: list[str]


class Facts:
    """Everything that the templates may say, read from ``root``.

    Args:
        values: the whole of params.yaml.
    """

    def __init__(self, root: Path, values: dict) -> None:
        self.root, self.values = root, values
        everything = read_metrics(root / METRICS)
        self.metrics = known({name: own for name, own in everything.items() if "skipped" not in own})
        self.skipped = {name: own["skipped"] for name, own in everything.items() if "skipped" in own}
        self.fusion = Known(read_json(root / DATA / "fusion.json"))

    @property
    def detectors(self) -> list[str]:
        """Those that ran, in the order of params.yaml."""
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

    @property
    def surpass_chance(self) -> list[str]:
        """Single detectors whose interval of the micro AUC lies above one half."""
        return [name for name in self.singles if (self.metrics[name]["roc_auc_low"] or 0) > 0.5]

    @property
    def constant(self) -> dict[str, float]:
        """What an alarm on every frame reaches: precision and average precision, F1."""
        test = self.dataset["test"]
        share = test["abnormal"] / test["frames"]
        return {"precision": share, "f1": 2 * share / (1 + share)}

    def false_alarm_rate(self, detector: str) -> float | None:
        """Share of normal frames above the detector's threshold."""
        false, quiet = (self.metrics[detector][key] for key in ("fp", "tn"))
        return None if false is None or not false + quiet else false / (false + quiet)

    @property
    def restless(self) -> list[str]:
        """Detectors that are in alarm for more than half of the normal frames."""
        return [name for name in self.ranked if (self.false_alarm_rate(name) or 0) > 0.5]

    @property
    def confidence(self) -> dict[str, float]:
        """How far ``fusion`` moved from the mean by merit to logistic weights, 0 to 1, by fold; of fitted folds."""
        chosen = self.fusion["chosen"] or {}
        return {fold: choice["confidence"] for fold, choice in chosen.items() if "confidence" in choice}

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

    @cached_property
    def dataset(self) -> dict:
        """name, and the counts of ``vad.report.overview.dataset``."""
        root = self.values.get("data", {}).get("root", "")
        counts = overview.dataset(read_table(self.root / DATA / "manifest.csv"))
        return {"name": Path(str(root)).name or "the data", **counts}

    @property
    def unranked(self) -> str | None:
        """Why no detector can be measured on these labels; None where they can."""
        test = self.dataset["test"]
        reason = why_unranked(test["frames"], test["abnormal"])
        return reason and reason[0].upper() + reason[1:]

    @property
    def roles(self) -> list[dict]:
        """The sample's roles, see ``vad.report.overview.roles``."""
        return overview.roles(read_table(self.root / DATA / "sample.csv"))

    @property
    def quality(self) -> list[dict]:
        """Corrupted frames, see ``vad.report.overview.quality``."""
        return overview.quality(read_table(self.root / DATA / "input_quality.csv"))

    @property
    def leak(self) -> dict[str, Known]:
        """The leak table by method: paper, clean and leak, each with its interval."""
        return known(read_json(self.root / METRICS / "leak.json") or read_json(self.root / DATA / "leak.json"))

    @property
    def levels(self) -> dict[str, Known]:
        """Zero-shot decisions: ``frame``, ``segment``, ``video`` -> precision, recall, f1, tp, fp, fn, tn, paper.

        ``paper`` is the F1 with thresholds from the very labels that are judged.
        """
        found = read_json(self.root / DATA / "zeroshot/levels.json")
        leak = found.get("f1_leak", {})
        levels = {name: found[name] for name in ("frame", "segment", "video") if name in found}
        return known({name: {**own, "paper": leak.get(name, {}).get("paper")} for name, own in levels.items()})

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

    @property
    def published_localisation(self) -> list[dict]:
        """Of the literature, RBDC and TBDC on this run's data set, known by its folder's name."""
        name = self.dataset["name"].lower()
        return [own for own in self.published if own["rbdc"] is not None and name in own["dataset"].lower()]

    @property
    def reproduced(self) -> list[Known]:
        """The reproduced paper's methods: detector, printed (its AUC), clean and paper (the leak here).

        Empty where none of them ran.
        """
        rows = [
            Known(
                detector=own["reproduces"],
                printed=own["value"],
                clean=self.leak.get(own["reproduces"], Known())["clean"],
                paper=self.leak.get(own["reproduces"], Known())["paper"],
            )
            for own in self.published
            if own["reproduces"]
        ]
        return rows if any(row["detector"] in self.metrics for row in rows) else []

    @property
    def event_types(self) -> dict[str, dict]:
        """Event type -> the best single detector on it and its AUC, the hardest type first."""
        best: dict[str, dict] = {}
        for name in self.singles:
            for kind, value in (self.metrics[name].get("by_event") or {}).items():
                if value is not None and value > best.get(kind, {}).get("auc", -1):
                    best[kind] = {"auc": value, "detector": name}
        return dict(sorted(best.items(), key=lambda item: item[1]["auc"]))

    @cached_property
    def answer(self) -> Known:
        """What the first page says: ``vad.evaluation.answer.answer`` and its sentences ``says``; empty without it."""
        return Known(read_json(self.root / DATA / "answer.json"))

    @property
    def answer_rows(self) -> list[tuple[str, dict]]:
        """What to expect overall and, where there are several, by scene."""
        scenes = list(self.answer["scenes"].items())
        return [("all", self.answer["overall"]), *(scenes if 1 < len(scenes) <= overview.MOST_SCENES else [])]

    @cached_property
    def comparison(self) -> Known:
        """Which differences are more than chance, see ``vad.evaluation.comparison.compare``; empty without labels."""
        return Known(read_json(self.root / METRICS / "comparison.json"))

    def figure(self, name: str) -> str | None:
        """Path of picture ``name`` from the report's folder, the vector form first; None where it was not drawn."""
        for folder in PICTURES:
            for suffix in (".pdf", ".png"):
                if (self.root / folder / f"{name}{suffix}").exists():
                    return f"../{folder.as_posix()}/{name}{suffix}"
        return None

    def figures(self, prefix: str) -> dict[str, str]:
        """The pictures whose names start with ``prefix``: rest of the name -> path from the report's folder."""
        found = {path.stem for folder in PICTURES for path in (self.root / folder).glob(f"{prefix}*")}
        paths = {name.removeprefix(prefix): self.figure(name) for name in sorted(found)}
        return {name: path for name, path in paths.items() if path is not None}

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
    def parameters(self) -> dict[str, list[tuple[str, str]]]:
        """params.yaml by section: (name, value) of each; what stands outside a section is under ``""``."""
        plain = {key: value for key, value in self.values.items() if not isinstance(value, dict)}
        sections = {"": plain} | {key: value for key, value in self.values.items() if isinstance(value, dict)}
        return {name: list(_flat(values)) for name, values in sections.items() if values}

    @property
    def provenance(self) -> dict:
        """revision, versions, processor."""
        return {
            "revision": provenance.revision(),
            "versions": provenance.versions(),
            "processor": provenance.processor(),
        }

    def methods(self, folder: Path) -> list[dict]:
        """What describes each detector that ran: ``template``, ``methods/<detector>.tex.j2`` (all fusions share one).

        Where that does not exist it is None, and ``title`` and ``text``, the module's docstring, stand for it.
        """
        names = dict.fromkeys("fusion" if name.startswith("fusion") else name for name in self.detectors)
        found = []
        for name in names:
            template = f"methods/{name}.tex.j2"
            text = registry.declared(name).description if name in registry.names() else ""
            known = (folder / template).exists()
            if known or text:
                found.append({"template": template if known else None, "title": title(name), "text": text})
        return found


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
