"""What people read instead of a detector's key in tables and figures. A detector without an entry shows its key."""

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


def title(detector: str) -> str:
    """The printed name of ``detector``."""
    return NAMES.get(detector, detector.replace("_", " "))


def ordered(detectors: object) -> list[str]:
    """``detectors`` in the order of this file, unknown ones last by name."""
    place = {name: position for position, name in enumerate(NAMES)}
    return sorted(set(detectors), key=lambda name: (place.get(name, len(place)), name))
