"""How one camera is judged: on the command line for all cameras, in a file for each (``--cameras``)."""

from pathlib import Path

import pydantic

from vad.deploy import budget
from vad.deploy.alarms import Rules
from vad.deploy.normal import normal_video
from vad.deploy.sources.address import Source, resolve
from vad.deploy.stream import FUSION, Bundle
from vad.pipeline.errors import UserError
from vad.pipeline.params import Section, read_file, validate


class Settings(Section):
    """What may differ from camera to camera. Times are in seconds.

    Attributes:
        scene: the view that detectors were fitted on; by default the camera's name.
        detector: whose score raises alarms; by default the fusion, else the bundle's first detector.
        threshold: on the calibrated scale; by default the bundle's.
        alarms_per_hour: a budget in place of a threshold, where the bundle is adapted to the camera.
        fps: frames per second to look at; all by default.
        The others: as in :class:`vad.deploy.alarms.Rules`.
    """

    scene: str | None = None
    detector: str | None = None
    threshold: float | None = pydantic.Field(default=None, gt=0, lt=1)
    alarms_per_hour: float | None = pydantic.Field(default=None, gt=0, le=3600)
    fps: float | None = pydantic.Field(default=None, gt=0, le=240)
    hysteresis: float = Rules.model_fields["hysteresis"].default
    least_seconds: float = Rules.model_fields["least_seconds"].default
    merge_seconds: float = Rules.model_fields["merge_seconds"].default
    cooldown_seconds: float = Rules.model_fields["cooldown_seconds"].default
    update_seconds: float = Rules.model_fields["update_seconds"].default
    gap_seconds: float = Rules.model_fields["gap_seconds"].default

    def rules(self, bundle: Bundle, thresholds: dict[str, float]) -> Rules:
        """The rules, with the threshold of the detector in charge where none of its own is set.

        Args:
            thresholds: by detector, those that hold for the camera.

        Raises:
            UserError: the budget cannot be kept, or the bundle has no such detector.
        """
        name = self.in_charge(thresholds)
        names = set(Rules.model_fields) - {"threshold"}
        own = self.threshold if self.threshold is not None else thresholds[name]
        rules = validate(self.model_dump(include=names) | {"threshold": own}, Rules, "alarms")
        if self.alarms_per_hour is None:
            return rules
        if self.threshold is not None:
            raise UserError("a camera has a threshold or a budget of alarms an hour: leave one of them out")
        normal = normal_video(bundle)
        limit = budget.threshold(normal.calibrated(name), normal.seconds, self.alarms_per_hour, rules)
        return rules.model_copy(update={"threshold": limit})

    def in_charge(self, thresholds: dict[str, float]) -> str:
        """The detector whose score raises alarms.

        Raises:
            UserError: the bundle does not have it.
        """
        name = self.detector or (FUSION if FUSION in thresholds else next(iter(thresholds)))
        if name not in thresholds:
            raise UserError(f"the bundle has no detector '{name}'; choose from {', '.join(thresholds)}")
        return name


def from_flags(**values: object) -> Settings:
    """Settings out of the command line's flags.

    Raises:
        UserError: a value is out of its range.
    """
    return validate(values, Settings, "flag")


class _Entry(Settings):
    source: str


def cameras(file: Path, base: Settings) -> list[tuple[Source, Settings]]:
    """What ``file`` lists: ``cameras:`` with an entry per name, each a ``source`` and what differs from ``base``.

    Raises:
        UserError: it is not such a file.
    """
    listed = read_file(file).get("cameras")
    if not isinstance(listed, dict) or not listed:
        raise UserError(f"{file} must hold 'cameras:' with a 'name: {{source: ...}}' for each, found {listed!r}")
    found = []
    for name, values in listed.items():
        entry = validate(values, _Entry, f"{file}: cameras.{name}")
        sources = resolve([f"{name}={entry.source}"])
        if len(sources) != 1:
            raise UserError(f"{file}: cameras.{name}.source names {len(sources)} sources; give each a name of its own")
        own = entry.model_dump(include=entry.model_fields_set - {"source"})
        found.append((sources[0], base.model_copy(update=own)))
    return found


def checked(settings: Settings, bundle: Bundle) -> Settings:
    """``settings`` if ``bundle`` can follow them, before any camera is opened."""
    settings.rules(bundle, bundle.thresholds)
    return settings
