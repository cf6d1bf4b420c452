"""Pictures and annotated videos of results; nothing is measured here."""
