"""The app end to end, in a real browser without a screen: Debian's chromium (tests/servers/install.sh installs it)."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests import example_run
from tests import moving_squares as squares
from tests.browser import CHROMIUM, PAGES, launch, serve, settle, visit
from tests.test_bundle import folder, training  # noqa: F401  (fixtures: a bundle)
from vad.detectors.titles import title
from vad.visualization import annotate

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")
DETECTORS = ["padim", "motion", "prototypes", "fusion"]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("project")
    example_run.build(root, DETECTORS, test_clips=6)
    example_run.measure(root)
    make_it_somebody_s_own(root)
    return root


def make_it_somebody_s_own(root: Path) -> None:
    """The run as one of the user's own folder of videos, without a label so far."""
    manifest = pd.read_csv(root / "data/manifest.csv", dtype={"clip": str, "scene": str})
    manifest["source"] = manifest["split"] + "/" + manifest["clip"] + ".mp4"
    manifest.to_csv(root / "data/manifest.csv", index=False)
    for source in manifest["source"]:
        (root / "mine" / source).parent.mkdir(parents=True, exist_ok=True)
        (root / "mine" / source).touch()
    (root / "mine/labels.csv").write_text("clip,start,end\n")
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["data"]["root"] = "mine"
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="module")
def address(project):
    yield from serve(project)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = launch(driver)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.set_default_timeout(60_000)
    page.failures = []
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    yield page
    page.close()
    assert page.failures == []


def metric(page, label: str) -> str:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue").inner_text()


def shown(page, label: str, text: str) -> None:
    """Wait until the figure ``label`` says ``text``."""
    page.get_by_test_id("stMetric").filter(has_text=label).get_by_text(text, exact=True).wait_for()


def test_the_answer_is_what_the_run_says(page, address, project):
    said = json.loads((project / "data/answer.json").read_text())
    visit(page, address, "")
    page.get_by_text(f"Trust {title(said['trust']['detector'])}", exact=True).wait_for()
    noticed = said["overall"]["events"]
    shown(page, "Events noticed", f"{noticed['noticed']} of {noticed['total']}")
    for sentence in said["says"]:
        page.get_by_text(sentence).wait_for()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_without_an_error(page, address, path):
    visit(page, address, path)
    assert page.locator("h1").inner_text() == PAGES[path]


def test_the_views_of_the_comparison(page, address):
    visit(page, address, "compare")
    page.get_by_test_id("stDataFrame").wait_for()
    for name in ("By type of event", "ROC", "Precision-recall", "Score densities", "Leak"):
        page.get_by_role("tab", name=name, exact=True).click()
        settle(page)
        page.locator("[role=tabpanel] [data-testid=stVegaLiteChart] >> visible=true").first.wait_for()


def test_threshold_shows_the_metrics_and_moves_with_the_slider(page, address, project):
    measured = json.loads((project / "metrics/fusion.json").read_text())
    visit(page, address, "threshold")
    assert metric(page, "False alarms per hour") == f"{measured['alarms_per_hour']:.1f}"
    assert metric(page, "Events caught") == f"{measured['events_detected']} of {measured['events_total']}"
    before = metric(page, "Time in alarm")
    page.get_by_role("slider").press("End")
    shown(page, "Time in alarm", "0.0%")
    assert metric(page, "Events caught").startswith("0 of")
    page.get_by_role("button", name="As tuned").click()
    shown(page, "Time in alarm", before)


def test_threshold_of_another_detector(page, address, project):
    measured = json.loads((project / "metrics/motion.json").read_text())
    visit(page, address, "threshold")
    page.get_by_test_id("stSelectbox").locator("input").click()
    page.get_by_role("option", name=title("motion"), exact=True).click()
    expected = f"{measured['events_detected']} of {measured['events_total']}"
    shown(page, "Events caught", expected)
    assert metric(page, "False alarms per hour") == f"{measured['alarms_per_hour']:.1f}"


def test_a_click_on_the_timeline_jumps_there(page, address):
    visit(page, address, "clip")
    video = page.locator(".player video")
    video.evaluate("video => new Promise(done => video.readyState ? done() : video.onloadeddata = done)")
    assert video.evaluate("video => video.duration") == pytest.approx(80 / 25, abs=0.1)
    canvas = page.locator(".player canvas")
    box = canvas.bounding_box()
    canvas.click(position={"x": 30 + (box["width"] - 36) / 2, "y": 80})
    video.evaluate("video => new Promise(done => video.seeking ? video.onseeked = done : done())")
    assert video.evaluate("video => video.currentTime") == pytest.approx(1.6, abs=0.05)
    assert page.locator(".player .now").inner_text().startswith("1.6")
    assert page.locator(".player .event").inner_text() == "bicycle"
    page.locator(".player .forward").click()
    video.evaluate("video => new Promise(done => video.seeking ? video.onseeked = done : done())")
    assert video.evaluate("video => video.currentTime") == pytest.approx(1.65, abs=0.05)


def test_keys_answer_and_labels_are_written(page, address, project):
    labels = project / "mine/labels.csv"
    visit(page, address, "review")
    answered = page.get_by_test_id("stCaptionContainer").filter(has_text="Answered:")
    answered.get_by_text("0 yes, 0 no, 0 skipped").wait_for()
    page.locator(".player video").wait_for()
    settle(page)
    page.keyboard.press("n")
    answered.get_by_text("0 yes, 1 no, 0 skipped").wait_for()
    assert labels.read_text() == "clip,start,end\n"
    settle(page)
    page.keyboard.press("s")
    answered.get_by_text("0 yes, 1 no, 1 skipped").wait_for()
    settle(page)
    page.keyboard.press("y")
    answered.get_by_text("1 yes, 1 no, 1 skipped").wait_for()
    (row,) = pd.read_csv(labels, dtype={"clip": str}).itertuples(index=False)
    truth = pd.read_parquet(project / "data/frames.parquet").query("clip == @row.clip")
    assert 0 <= row.start <= row.end < len(truth)
    assert len(pd.read_csv(project / "reviews/mine.csv")) == 3
    settle(page)
    page.keyboard.press("b")
    answered.get_by_text("0 yes, 1 no, 1 skipped").wait_for()
    assert labels.read_text() == "clip,start,end\n"


def test_a_video_goes_through_a_bundle(page, address, project, folder, tmp_path):  # noqa: F811
    if not (project / "data/bundle").exists():
        shutil.copytree(folder, project / "data/bundle")
    video = tmp_path / "run.mp4"
    clip = squares.clip(tmp_path, "run", 4.0)
    annotate.write((clip.read(frame) for frame in clip.frames), video, squares.FPS, 18)
    visit(page, address, "try_it")
    page.locator("input[type=file]").set_input_files(video)
    page.get_by_role("button", name="Judge it").click()
    shown(page, "Frames judged", "40")
    assert int(metric(page, "Alarms")) >= 1
    film = page.locator(".player video")
    film.evaluate("video => new Promise(done => video.readyState ? done() : video.onloadeddata = done)")
    assert film.evaluate("video => video.duration") == pytest.approx(4.0, abs=0.15)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Scores (CSV)").click()
    table = pd.read_csv(waiting.value.path())
    assert set(table["detector"]) == {"motion", "fusion"}
    assert len(table) == 80


def test_experiments_outside_git_say_what_to_run(page, address):
    visit(page, address, "experiments")
    assert "git init" in page.get_by_test_id("stAlert").locator("p").inner_text()


def test_an_empty_project_says_what_to_run_on_every_page(page, tmp_path):
    for address in serve(tmp_path):
        for path in PAGES:
            visit(page, address, path)
            said = page.get_by_test_id("stAlert").locator("p").inner_text()
            assert "\n" not in said.strip()
            assert "run '" in said.lower()
