"""What each detector cost, from the stages' records of wall time and peak memory."""

from collections.abc import Sequence

from vad.detectors import registry
from vad.pipeline.results import Known

# The stages before scoring whose results the detectors that read them share.
SHARED = {"embeddings": ["embed"], "objects": ["extract_objects"], "tracks": ["extract_objects", "link_tracks"]}


def cost(detector: str, timings: dict[str, Known]) -> Known:
    """What the detector cost; None where it was not recorded.

    Args:
        timings: the record of each stage: seconds, frames, peak_mib.

    Returns:
        fit_seconds, fit_frames; score_ms and shared_ms, per frame: scoring, and the stages before it whose results
        several detectors share (embeddings, objects, tracks); ms, the sum of both; peak_mib, the largest of them.
    """
    fit = timings.get(f"fit@{detector}", Known())
    scored = timings.get(f"score@{detector}", Known())
    reads = registry.declared(detector).reads if detector in registry.names() else ()
    shared = [timings.get(stage, Known()) for source in reads for stage in SHARED.get(source, [])]
    before = [part for part in map(_per_frame, shared) if part is not None]
    parts = [_per_frame(scored), sum(before) if before else None]
    return Known(
        fit_seconds=fit["seconds"],
        fit_frames=fit["frames"] or None,
        score_ms=parts[0],
        shared_ms=parts[1],
        ms=None if parts[0] is None else sum(part or 0 for part in parts),
        peak_mib=max((own["peak_mib"] for own in (fit, scored, *shared) if own["peak_mib"]), default=None),
    )


def costs(detectors: Sequence[str], timings: dict[str, Known]) -> dict[str, Known]:
    """What is known of the detectors' costs, by detector, in their order."""
    found = {name: cost(name, timings) for name in detectors}
    return {name: own for name, own in found.items() if any(value is not None for value in own.values())}


def _per_frame(record: Known) -> float | None:
    """Milliseconds per frame of a stage's record; of results that were kept, those when they were computed."""
    seconds = record["seconds"] if record["work_seconds"] is None else record["work_seconds"]
    return 1000 * seconds / record["frames"] if record["frames"] else None
