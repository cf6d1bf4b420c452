"""Start the app in a browser: ``python -m app [streamlit's options]``, over the project in the working directory.

``VAD_PROJECT=<folder>`` looks at another project. The server listens on this machine alone: surveillance video is
nobody else's business until you say ``--server.address 0.0.0.0``.
"""

import contextlib
import sys
import threading
from pathlib import Path

from vad.pipeline.errors import UserError
from vad.pipeline.stage import quiet
from vad.visualization import style

THEME = {
    "base": "light",
    "primaryColor": style.MAIN,
    "textColor": style.INK,
    "secondaryBackgroundColor": "#f4f6f8",
    "borderColor": style.QUIET,
    "linkColor": style.MAIN,
    "redColor": style.ABNORMAL,
    "greenColor": style.SECOND,
    "paddingTop": "1rem",
    "paddingBottom": "3rem",
    "baseFontSize": "15",
    "headingFontSizes": '["1.7rem", "1.35rem", "1.15rem"]',
    "headingFontWeights": "600",
}
SERVER = {
    "server.address": "localhost",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "2048",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
}


def options() -> list[str]:
    """Streamlit's command line: ours first, so that the user's own option wins."""
    ours = {f"theme.{key}": value for key, value in THEME.items()} | SERVER
    return [f"--{key}={value}" for key, value in ours.items()]


def main() -> None:
    """Serve until interrupted. What pages import is loaded before the first visitor waits for it."""
    from streamlit.web import cli

    with quiet():  # the caches say that no server runs yet
        import app.cached  # noqa: F401

    threading.Thread(target=_look_ahead, daemon=True).start()
    sys.argv = ["streamlit", "run", str(Path(__file__).with_name("main.py")), *options(), *sys.argv[1:]]
    cli.main(prog_name="streamlit")


def _look_ahead() -> None:
    """Load what takes longest, DVC with its runs and PyTorch, while the visitor reads the first page."""
    import app.cached
    from app.project import Project

    with contextlib.suppress(UserError):
        app.cached.experiments(Project.current())
    import app.trying
    import vad.deploy.bundle
    import vad.features.backbones  # noqa: F401


if __name__ == "__main__":
    main()
