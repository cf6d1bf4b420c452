"""What people read instead of a detector's key in tables and figures. A detector without an entry shows its key."""

from collections.abc import Sequence

from vad.pipeline import params
from vad.pipeline.errors import UserError

NAMES = {
    "padim": "PaDiM",
    "gradcam": "Grad-CAM/SSIM",
    "spade": "SPADE",
    "prototypes": "Prototypes",
    "prototypes_ensemble": "Prototypes, ensemble",
    "prototypes_max": "Prototypes, maximum",
    "prototypes_top_k": "Prototypes, top k",
    "prototypes_distance": "Prototypes, distance",
    "zeroshot": "Zero-shot prompts",
    "motion": "Motion",
    "objects": "Objects",
    "object_ae": "Object autoencoder",
    "tracks": "Tracks",
    "stae": "ST autoencoder",
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
        if name not in ran and name not in NAMES and name not in params.switches():
            raise UserError(f"{params.PARAMS_FILE}: {key}: there is no detector '{name}'; choose from {', '.join(ran)}")


def title(detector: str) -> str:
    """The printed name of ``detector``."""
    return NAMES.get(detector, detector.replace("_", " "))


def ordered(detectors: object) -> list[str]:
    """``detectors`` in the order of this file, unknown ones last by name."""
    place = {name: position for position, name in enumerate(NAMES)}
    return sorted(set(detectors), key=lambda name: (place.get(name, len(place)), name))
