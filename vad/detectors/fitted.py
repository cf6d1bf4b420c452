"""Fitted models that stand alone: what a fit saves, and a detector made of it without the pipeline around it.

``data/models/<detector>/`` holds ``<fold>.safetensors``, the state of each fit; ``normal.parquet``, the raw scores that
each fit gives to held-out normal frames (fold, clip, scene, fps, frame, label, score, and ``live`` where a camera's
differ), by which its scores are calibrated; and ``meta.json``: detector, params, the sections of params.yaml by which
its input was made, the digest of the backbone's weights, scenes, frames, versions; or why it stood aside (``skipped``).
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from importlib import metadata
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vad.detectors import registry
from vad.pipeline import artifacts, params
from vad.pipeline.errors import CannotFit, UserError
from vad.pipeline.params import Section
from vad.pipeline.results import LIVE, MODELS, why_skipped
from vad.protocol.declaration import SWITCHED_OFF

if TYPE_CHECKING:  # a detector that is switched off stands aside before any of these is loaded
    import numpy as np
    import pandas as pd

    from vad.protocol.fitting import Plan

log = logging.getLogger(__name__)

NORMAL = ["fold", "clip", "scene", "fps", "frame", "label", "score"]
# The sections of params.yaml by which a source was made; whoever gives new video to the model makes it so again.
MADE_BY = {"objects": ["extract_objects"], "tracks": ["extract_objects", "link_tracks"], "embeddings": ["encoder"]}
VERSIONS = ("torch", "numpy", "scikit-learn", "opencv-python-headless")

State = dict[str, "np.ndarray"]
Main = Callable[[], dict]
Fit = Callable[["Plan"], dict]


def stand_aside(name: str, reason: str) -> dict:
    """Save that detector ``name`` did not run and why; returns the record of costs."""
    log.info("%s does not run: %s", name, reason)
    artifacts.save_state(MODELS / name, {}, {"skipped": reason})
    return {"frames": 0}


def or_stands_aside(name: str) -> Callable[[Fit], Main]:
    """Decorates the stage that fits detector ``name`` by its plan; a reason not to is saved.

    What the stage imports inside its function is loaded only where the detector runs.
    """

    def decorate(fit: Fit) -> Main:
        @wraps(fit)
        def attempt() -> dict:
            if not params.switches().get(name, False):
                return stand_aside(name, SWITCHED_OFF)
            from vad.protocol.fitting import Plan

            plan = Plan.of(registry.declared(name))
            if reason := plan.why_not():
                return stand_aside(name, reason)
            try:
                return fit(plan)
            except CannotFit as error:
                return stand_aside(name, str(error))

        return attempt

    return decorate


def save(
    plan: "Plan", settings: Section, states: dict[str, State], *needs: Any, into: Path = MODELS, **more: object
) -> dict:
    """Save the fitted states with all that scoring needs, and the scores they give to held-out normal frames.

    Args:
        settings: the detector's parameters; states: fold name -> state; needs: the loaded backbone, where the detector
            takes one; into: the folder of models; more: small JSON values for ``meta.json``.

    Returns:
        ``{"frames": n}``, the frames it was fitted on, for the record of costs.
    """
    from vad.detectors.scoring import score_clips

    declared = plan.declared
    made_by = [section for source in declared.reads for section in MADE_BY.get(source, [])]
    meta = {
        "detector": declared.name,
        "revision": declared.revision,
        "params": settings.model_dump(mode="json"),
        **{section: params.read_file()[section] for section in made_by},
        **({"backbone": params.read_file()["backbone"], "backbone_digest": needs[0].digest} if needs else {}),
        "scenes": _scenes(plan),
        "protocol": plan.protocol,
        "frames": plan.frames,
        "versions": {name: metadata.version(name) for name in VERSIONS},
        **more,
    }
    model = Fitted.of(declared.name, states, settings, meta, *needs)
    normal = []
    for fold in plan.folds:
        rows = by_clip(fold.calibration)
        for clip, scored in score_clips(model, fold.name, plan, fold.calibration):
            normal.append(rows[clip.name].assign(fold=fold.name, scene=clip.scene, fps=clip.fps, **scored.columns))
    artifacts.save_state(into / declared.name, states, meta, {"normal": _normal(normal)})
    return {"frames": plan.frames}


def copy(model: Path, to: Path) -> None:
    """The files of ``model``, and nothing else that may lie beside them, in the new folder ``to``."""
    states, meta, tables = artifacts.load_state(model)
    artifacts.save_state(to, states, meta, tables)


@dataclass(frozen=True)
class Fitted:
    """A fitted model as it was saved.

    Attributes:
        states: fold name -> state; detectors that need no labels have the one fold ``all``.
        settings: the parameters it was fitted with; normal: the scores of held-out normal frames, ``NORMAL``.
    """

    name: str
    states: dict[str, State]
    settings: Section
    normal: "pd.DataFrame"
    meta: dict

    @classmethod
    def of(cls, name: str, states: dict[str, State], settings: Section, meta: dict, *needs: Any) -> "Fitted":
        """A model in memory, before it has scored normal video; with the loaded backbone, where it takes one."""
        model = cls(name, states, settings, _normal([]), meta)
        if needs:
            model.__dict__["backbone"] = needs[0]
        return model

    def __getstate__(self) -> dict:
        """Whoever gets a copy loads the backbone by its name."""
        return {name: value for name, value in self.__dict__.items() if name != "backbone"}

    def digest(self, fold: str) -> str:
        """SHA-256 of what the scores of one fit depend on."""
        import numpy as np

        sha = hashlib.sha256()
        for name, array in sorted(self.states[fold].items()):
            array = np.asarray(array, order="C")
            sha.update(f"{name} {array.dtype} {array.shape}\0".encode() + array.tobytes())
        sources = [self.meta.get(key) for key in ("backbone", "backbone_digest", *chain(*MADE_BY.values()))]
        return f"{self.name} {self.settings!r} {sources} {sha.hexdigest()}"

    def detector(self, fold: str = "all", backbone: Any = None) -> Any:
        """The detector of one fit, ready to score; ``backbone`` in place of the one that is loaded by its name.

        Raises:
            UserError: there is no such fit, or the backbone has other weights than the one it was fitted with.
        """
        if fold not in self.states:
            raise UserError(f"{self.name} has no fit '{fold}'; choose from {', '.join(self.states)}")
        needs = (backbone or self.backbone,) if registry.declared(self.name).needs_backbone else ()
        return registry.module(self.name).Detector(self.states[fold], self.settings, *needs)

    def beside(self, folder: Path = MODELS) -> "list[Fitted]":
        """The other fitted detectors in ``folder`` that look at whole frames through the same backbone."""
        looked = ("backbone", "backbone_digest")
        names = [name for name in registry.names() if name != self.name and _looks_through_backbone(name)]
        if not _looks_through_backbone(self.name):
            return []
        fitted = [name for name in names if why_skipped(name, folder) is None]
        metas = {name: artifacts.load_meta(folder / name) for name in fitted}
        return [load_fitted(folder / name) for name in fitted if all(metas[name][x] == self.meta[x] for x in looked)]

    @cached_property
    def backbone(self) -> Any:
        """The backbone (``vad.features.backbones.Backbone``) that it was fitted with."""
        from vad.features import backbones

        wanted = params.validate(self.meta["backbone"], backbones.Params, f"{self.name}: backbone")
        backbone = backbones.common(wanted)
        if backbone.digest != self.meta["backbone_digest"]:
            raise UserError(
                f"{self.name} was fitted with other weights of {wanted.name} than those installed here: "
                "fit it again, or install the versions in its meta.json"
            )
        return backbone


def _looks_through_backbone(name: str) -> bool:
    declared = registry.declared(name)
    return declared.needs_backbone and declared.reads == ("frames",) and not declared.labelled


def load_fitted(folder: Path | str) -> Fitted:
    """The model in ``folder``.

    Raises:
        UserError: nothing was fitted there, the line says why; or another revision of the detector was.
    """
    states, meta, tables = artifacts.load_state(folder)
    if reason := meta.get("skipped"):
        raise UserError(f"{Path(folder).name} was not fitted: {reason}")
    found, known = meta.get("revision", 1), registry.declared(meta["detector"]).revision
    if found != known:
        raise UserError(
            f"{folder} was fitted by revision {found} of {meta['detector']}, this is {known}, whose models mean "
            "something else: make it again with 'dvc repro'"
        )
    detector: ModuleType = registry.module(meta["detector"])
    where = f"{Path(folder) / 'meta.json'}: params"
    settings = params.validate(meta["params"], detector.Params, where, "make it again with 'dvc repro'")
    return Fitted(meta["detector"], states, settings, tables["normal"], meta)


def by_clip(rows: "pd.DataFrame") -> "dict[str, pd.DataFrame]":
    """Clip -> its own of ``rows``, by frame."""
    return {str(clip): own.sort_values("frame") for clip, own in rows.groupby("clip", sort=False)}


def _normal(parts: "list[pd.DataFrame]") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    kinds = dict(zip(NORMAL, [str, str, str, float, np.int64, np.int8, float], strict=True))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({column: [] for column in NORMAL})
    return table[[*NORMAL, *(column for column in [LIVE] if column in table)]].astype(kinds)


def _scenes(plan: "Plan") -> list[str]:
    """The scenes that the fits saw."""
    seen = {clip for fold in plan.folds for clip in fold.fit["clip"].unique()}
    return sorted({clip.scene for clip in plan.store.clips() if clip.name in seen})
