"""The app's frame: navigation, the project that is looked at, and one line where something is missing.

Started by ``python -m app`` or ``make app``.
"""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for 'streamlit run app/main.py' from any folder
from app.project import Project
from vad.pipeline.errors import UserError

# In views/, not in pages/: Streamlit takes a folder of that name for pages of its own, without this frame.
PAGES = {
    "Results": [
        ("answer", "The answer", ":material/verified:"),
        ("compare", "Compare detectors", ":material/leaderboard:"),
        ("clip", "A clip", ":material/movie:"),
        ("threshold", "Threshold", ":material/tune:"),
        ("experiments", "Experiments", ":material/science:"),
    ],
    "Your video": [
        ("try_it", "Try it", ":material/play_circle:"),
        ("review", "Review", ":material/rate_review:"),
    ],
}


def main() -> None:
    st.set_page_config(
        page_title="Video anomaly detection", page_icon=Path(__file__).parent / "static" / "icon.png", layout="wide"
    )
    pages = {
        section: [
            st.Page(f"views/{name}.py", title=title, icon=icon, default=name == "answer")
            for name, title, icon in entries
        ]
        for section, entries in PAGES.items()
    }
    page = st.navigation(pages)
    st.title(page.title)
    try:
        st.sidebar.caption(f"Project: {Project.current().root}")
        page.run()
    except UserError as error:
        st.info(str(error), icon=":material/info:")


main()
