"""One clip: its video with a heat map, and the scores of chosen detectors over time beside the ground truth."""

import streamlit as st

from app import cached, footage, player
from app.project import Project
from vad.detectors.titles import ordered, title

project = Project.current()
project.need("No clip to show", project.fused, *project.store)
clips, table = cached.clips(project), cached.shown(project)
scored = [name for name in sorted(table["clip"].unique()) if name in clips]
ran = ordered(table["detector"])
usual = [name for name in ("fusion", "motion", "padim") if name in ran] or ran[:2]
events = cached.table(project.data / "events.csv")


def described(name: str) -> str:
    kinds = events.loc[events["clip"] == name, "type"] if len(events) else []
    return f"{name}   {', '.join(kind.replace('_', ' ') for kind in dict.fromkeys(kinds))}".strip()


places = st.columns([2, 3, 2, 1])
name = places[0].selectbox("Clip", scored, format_func=described)
detectors = places[1].multiselect("Detectors", ran, usual, format_func=title) or usual
sources = project.with_maps(name)
likely = next((own for own in [*detectors, "motion", *sources] if own in sources), None)
options = [None, *ordered(sources)]
source = places[2].selectbox(
    "Heat map",
    options,
    options.index(likely),
    key=f"map of {name} {likely}",
    format_func=lambda own: title(own or "none"),
)
opacity = places[3].slider("Opacity", 0.1, 1.0, 0.7, 0.1, disabled=source is None)

clip, rows = clips[name], cached.timelines(project, name)
frames = rows["frame"].drop_duplicates().sort_values().to_numpy()
at = st.session_state.get(f"second of {name}")
part = footage.segment(frames, round((at or 0.0) * clip.fps))
film = cached.video(project, name, part, source, opacity) if clip.path or clip.tracks is not None else None
own_events = events[events["clip"] == name] if len(events) else events
told = player.story(rows, detectors, clip.fps, own_events)
jump = player.show(player.with_video(told, film, part, clip.fps, at), key=f"player of {name}")
if jump is not None and film is not None and jump != at:
    st.session_state[f"second of {name}"] = jump
    st.rerun()
st.caption(
    "Scores are decimal log odds: 0 is the median of held-out normal video, 2 its upper hundredth. A click on the "
    "timeline jumps there; the arrow keys go frame by frame."
    + ("" if clip.path else " This clip came without pixels: its tracks are drawn.")
)
