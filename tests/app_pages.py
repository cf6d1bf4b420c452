"""How long each page of the app takes, and its picture: ``python -m tests.app_pages [project] [video]``.

Prints a table and writes docs/app/<page>.png. ``project`` is the working directory by default; ``video`` is put through
the project's bundle on the page that tries one.
"""

import re
import sys
import time
from io import BytesIO
from pathlib import Path

import psutil
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser import PAGES, ROOT, launch, serve, settle

PICTURES = ROOT / "docs" / "app"
SIZE = {"width": 1280, "height": 860}
COLOURS = 128


def main() -> None:
    project = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    video = sys.argv[2] if len(sys.argv) > 2 else None
    PICTURES.mkdir(exist_ok=True)
    for address in serve(project):
        with sync_playwright() as driver:
            page = launch(driver).new_page(viewport=SIZE)
            page.set_default_timeout(120_000)
            page.goto(f"{address}/")  # the browser fetches Streamlit itself once
            ready(page)
            print(f"{'page':20s} {'first':>7s} {'CPU':>7s} {'again':>7s} {'CPU':>7s}   seconds")
            for path, name in PAGES.items():
                first, again = opened(page, name), opened(page, name)
                print(f"{name:20s} " + " ".join(f"{value:7.2f}" for value in (*first, *again)), flush=True)
                prepare(page, path, video)
                picture(page, PICTURES / f"{path or 'answer'}.png")


def opened(page, name: str) -> tuple[float, float]:
    """Seconds from a click in the menu, on another page, until everything of page ``name`` is there; the server's CPU
    seconds within, which other processes on the machine do not stretch."""
    other = "Threshold" if name != "Threshold" else "Compare detectors"
    page.get_by_role("link", name=other, exact=True).click()
    ready(page, other)
    began, used = time.perf_counter(), cpu()
    page.get_by_role("link", name=name, exact=True).click()
    ready(page, name)
    return time.perf_counter() - began, cpu() - used


def cpu() -> float:
    """CPU seconds that the app's server has used."""
    servers = [child for child in psutil.Process().children() if "app" in child.cmdline()]
    return sum(sum(child.cpu_times()[:2]) for child in servers)


def ready(page, name: str | None = None) -> None:
    if name:
        page.get_by_role("heading", name=name, exact=True, level=1).wait_for()
    settle(page)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
    if page.locator(".player video").count():
        page.locator(".player video").evaluate(
            "video => new Promise(done => !video.src || video.readyState > 1 ? done() : video.onloadeddata = done)"
        )


def prepare(page, path: str, video: str | None) -> None:
    """What a picture shows beside the page as it opens."""
    if path == "clip":
        canvas = page.locator(".player canvas")
        canvas.click(position={"x": 0.75 * canvas.bounding_box()["width"], "y": 60})
    if path == "compare":
        page.get_by_role("tab", name="By type of event").click()
    if path == "try_it" and video:
        page.locator("input[type=file]").set_input_files(video)
        page.get_by_role("button", name="Judge it").click()
        page.get_by_test_id("stMetric").filter(has_text=re.compile("Frames judged")).wait_for()
        page.locator(".player video").scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    ready(page)


def picture(page, path: Path) -> None:
    """A screenshot in few colours: small enough to be read on the web."""
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
