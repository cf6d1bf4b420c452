"""campus-sim, the embedded data set: its scenes, people and events, and how they are rendered."""
