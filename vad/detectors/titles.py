"""What people read instead of a detector's key in tables and figures, and in which order.

A detector's own title stands in its module; here are those of what is made from detectors' scores.
"""

from collections.abc import Iterable, Sequence

from vad.detectors import registry
from vad.pipeline import params
from vad.pipeline.errors import UserError

DERIVED = {
    "prototypes_ensemble": "Prototypes, ensemble",
    "prototypes_max": "Prototypes, maximum",
    "prototypes_top_k": "Prototypes, top k",
    "prototypes_distance": "Prototypes, distance",
    "fusion_mean": "Fusion, mean",
    "fusion_max": "Fusion, maximum",
    "fusion_logistic": "Fusion, logistic",
    "fusion": "Fusion",
}


def check(wanted: Sequence[str], ran: Sequence[str], key: str) -> None:
    """Refuse what is no detector at all; one that merely did not run on this data is not a mistake.

    Args:
        ran: detectors that left scores; key: parameter that names the ``wanted`` ones.
    """
    for name in wanted:
        if name not in ran and name not in DERIVED and name not in registry.names():
            raise UserError(f"{params.PARAMS_FILE}: {key}: there is no detector '{name}'; choose from {', '.join(ran)}")


def title(detector: str) -> str:
    """The printed name of ``detector``."""
    if detector in registry.names():
        return registry.declared(detector).title
    return DERIVED.get(detector, detector.replace("_", " "))


def ordered(detectors: Iterable[str]) -> list[str]:
    """``detectors`` in the order of params.yaml, then what is derived from them, unknown ones last by name."""
    switched = params.read_file().get("detectors") if params.PARAMS_FILE.exists() else None
    first = list(switched) if isinstance(switched, dict) else []
    order = [*first, *(name for name in registry.names() if name not in first), *DERIVED]
    place = {name: position for position, name in enumerate(order)}
    return sorted(set(detectors), key=lambda name: (place.get(name, len(place)), name))
