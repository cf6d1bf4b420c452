"""Your own video or picture through a bundle: scores, alarms, the annotated video; as ``vad score`` judges it."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import player, trying
from app.project import Project, stamp
from vad.data.listing import PICTURE_SUFFIXES
from vad.deploy import bundle as bundles
from vad.deploy.settings import Settings
from vad.deploy.stream import FUSION
from vad.detectors.titles import title
from vad.pipeline.errors import UserError

OTHER, LEARN, ALL = "another folder", "not one of these: learn it from this video", 0
LARGEST = 64 << 20  # bytes of a video that is sent to the player at once
project = Project.current()


@st.cache_resource(show_spinner="Loading the bundle", max_entries=2)
def load(folder: Path, when: tuple) -> bundles.FittedBundle:
    return bundles.load(folder)


def choose_bundle(place) -> bundles.FittedBundle:
    found = trying.bundles(project.root)
    if not found:
        st.info(
            f"{project.root} holds no bundle yet. Run 'dvc repro export_bundle' there, which makes data/bundle, "
            "or name a folder that holds one.",
            icon=":material/info:",
        )
    chosen = place.selectbox(
        "Bundle",
        [*found, OTHER],
        format_func=lambda path: str(path.relative_to(project.root)) if path != OTHER else OTHER,
    )
    text = place.text_input("Folder of the bundle") if chosen == OTHER else ""
    if chosen == OTHER and not text:
        st.stop()
    folder = Path(text).expanduser() if chosen == OTHER else chosen
    if not (folder / "bundle.json").exists():
        raise UserError(f"{folder} is no bundle: run 'dvc repro export_bundle', which makes data/bundle")
    return load(folder, stamp(folder / "SHA256SUMS", folder / "bundle.json"))


def progress(name: str):
    """A bar, and what moves it: frames judged, frames of all, and how long the rest will take."""
    bar, began = st.progress(0.0, text=f"{name}: looking at it"), time.monotonic()

    def step(frames: int, of: int | None) -> None:
        if frames % 10:
            return
        passed = time.monotonic() - began
        left = f", {passed / frames * (of - frames):.0f} s left" if of and of > frames else ""
        bar.progress(min(frames / of, 1.0) if of else 0.0, text=f"{name}: {frames} of {of or '?'} frames{left}")

    return bar, step


def show(tried: trying.Tried, name: str) -> None:
    seconds = tried.scores["second"].drop_duplicates().to_numpy()
    highest = tried.scores.loc[tried.scores["detector"] == tried.detector, "shown"].max()
    places = st.columns(4)
    places[0].metric("Frames judged", f"{len(seconds):,}", border=True)
    places[1].metric("Alarms", len(tried.alarms), border=True)
    places[2].metric("Highest score", f"{highest:.2f}", border=True)
    places[3].metric("Threshold", f"{tried.level:.2f}", border=True)
    if Path(name).suffix.lower() in PICTURE_SUFFIXES:
        st.image(tried.film)
        st.caption("One picture holds no motion: detectors that look at movement are blind to it.")
    else:
        watch(tried, seconds)
    if len(tried.alarms):
        st.dataframe(
            tried.alarms.assign(detector=tried.alarms["detector"].map(title)),
            hide_index=True,
            column_config={key: st.column_config.NumberColumn(f"{key.capitalize()}, s", format="%.2f")
                           for key in ("start", "peak", "end")},
        )  # fmt: skip
    left, right, _ = st.columns([1, 1, 3])
    stem = Path(name).stem
    left.download_button("Scores (CSV)", tried.scores.to_csv(index=False), f"{stem}-scores.csv", width="stretch")
    suffix = "jpg" if Path(name).suffix.lower() in PICTURE_SUFFIXES else "mp4"
    right.download_button("Annotated file", tried.film, f"{stem}-annotated.{suffix}", width="stretch")


def watch(tried: trying.Tried, seconds: np.ndarray) -> None:
    if len(tried.film) > LARGEST:
        st.video(tried.film)
    order = sorted(tried.scores["detector"].unique(), key=lambda own: own != tried.detector)
    chosen = st.multiselect("Detectors", order, order[:3], format_func=title) or order[:1]
    # Time in place of frame numbers: what a camera dropped leaves no frames.
    rows = tried.scores.assign(frame=tried.scores["second"], label=0, level=tried.level)
    told = player.story(rows, chosen, 1.0, pd.DataFrame())
    told |= {"truth": tried.alarms[["start", "end"]].astype(float).to_numpy().tolist(), "marked": "alarm"}
    film = tried.film if len(tried.film) <= LARGEST else None
    player.show(player.with_video(told, film, seconds, 1.0), key="player of what was tried")


left, right = st.columns(2)
bundle = choose_bundle(left)
file = right.file_uploader("Video or picture", trying.SUFFIXES)
options = st.columns(3)
scene = options[0].selectbox("Scene (the camera's view)", [LEARN, *bundle.scenes], index=min(1, len(bundle.scenes)))
names = [name for name in (FUSION, *bundle.detectors) if name in bundle.thresholds]
detector = options[1].selectbox("Alarms by", names, format_func=title)
fps = options[2].number_input("Frames per second to look at (0: all)", 0, 60, ALL)
settings = Settings(scene=None if scene == LEARN else scene, detector=detector, fps=fps or None)
if file is None:
    st.caption(f"This bundle runs {', '.join(title(name) for name in bundle.detectors)}. Nothing leaves this machine.")
    st.stop()
wanted = (file.file_id, str(bundle.folder), settings)
if st.button("Judge it", type="primary") or st.session_state.get("tried of") == wanted:
    if st.session_state.get("tried of") != wanted:
        bar, step = progress(file.name)
        st.session_state["tried"] = trying.run(file.name, file.getvalue(), bundle, settings, step)
        st.session_state["tried of"] = wanted
        bar.empty()
    show(st.session_state["tried"], file.name)
