"""Names that others chose: nothing in them acts where they are written, and what can be read of them stays."""

import csv
import io
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad.pipeline import artifacts, naming
from vad.report import latex, typeset
from vad.visualization import annotate, style

ROOT = Path(__file__).parents[1]
HOSTILE = [
    r"x}{y}\input{^^2fetc^^2fhostname}\href{z",
    r"\write18{touch pwned}",
    "^^5cinput{/etc/hostname}",
    "cam$1_{b$",
    "$$",
    r"a\$b",
    "=HYPERLINK(1)",
    "-2+3",
    "@SUM(A1)",
    "'=1",
    '"><script>alert(1)</script>',
    "監控_01",
    "Überwachung März",
    "камера 3",
    "كاميرا",
    "🚲 lane",
    "NA",
    "nan",
    "a\nb\x1b[31mred",
    "%n #1 & ~user",
    "long" * 60,
]
names = st.text(min_size=1, max_size=60)


@pytest.mark.parametrize("name", HOSTILE)
def test_latex_prints_a_name_and_obeys_nothing(name, tmp_path):
    if (engine := typeset.engine()) is None:
        pytest.skip("no TeX engine")
    (tmp_path / "t.j2").write_text(
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{hyperref}\n"
        "\\setlength{\\emergencystretch}{3em}\\begin{document}\n"
        "\\href{run:../data/videos/\\VAR{name|path}.mp4}{\\texttt{\\VAR{name}}}\n\\section{\\VAR{name}}\n\\end{document}\n"
    )
    text = latex.environment(tmp_path).get_template("t.j2").render(name=name)
    (tmp_path / "t.tex").write_text(text)
    log = typeset.typeset(tmp_path / "t.tex", tmp_path / "t.pdf", engine)
    assert "hostname" not in log
    assert typeset.overfull(log, points=10) == []
    words = re.findall(r"[A-Za-z]{4,}", re.sub(r"\\[A-Za-z]+(\{[^}]*\})?", " ", naming.latex(name)))
    if shown := _text(tmp_path / "t.pdf"):
        assert all(word in re.sub(r"[-\s]", "", shown) for word in words)


def _text(pdf) -> str:
    try:
        return subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return ""


@given(names)
def test_no_character_keeps_its_meaning_in_latex(name):
    text = naming.latex(name)
    assert text.isprintable()
    bare = re.sub(r"\\([a-z]+\{\}|[{}$&#%_]|\(.*?\\\)|texttt\{U\+[0-9A-F]+\})", "", text)
    assert not set(bare) & set("\\{}$&#%_^~")


@given(names, names)
def test_file_names_are_plain_and_stay_apart(one, other):
    stem = naming.file_name(one)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,90}", stem)
    assert not stem.startswith(".")
    assert (naming.file_name(other) == stem) == (one == other) or stem in (one, other)


def test_an_ordinary_name_stays_itself():
    for name in ("01_0014", "Test001", "friday-2"):
        assert naming.file_name(name) == name == naming.drawn(name) == naming.cell(name) == naming.html(name)


@given(names)
def test_no_cell_is_a_formula_and_it_comes_back(name):
    shown = naming.cell(name)
    assert shown[0] not in "=+-@\t\r" or naming.NUMBER.fullmatch(shown)
    assert naming.from_cell(shown) == name


def test_tables_of_hostile_names_come_back_from_csv(tmp_path):
    table = pd.DataFrame({"clip": HOSTILE, "frame": np.arange(len(HOSTILE)), "shift": -1.5})
    artifacts.save_table(tmp_path / "t.csv", table)
    assert artifacts.load_table(tmp_path / "t.csv").to_dict("list") == table.to_dict("list")
    cells = [row[0] for row in csv.reader(io.StringIO((tmp_path / "t.csv").read_text()))]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@given(names)
def test_html_holds_a_name_and_no_tag(name):
    class Reader(HTMLParser):
        tags, text = 0, ""

        def handle_starttag(self, *_):
            self.tags += 1

        def handle_data(self, data):
            self.text += data

    reader = Reader()
    reader.feed(f'<p title="{naming.html(name)}">{naming.html(name)}</p>')
    reader.close()
    assert reader.tags == 1


def test_the_page_of_dvc_plots_has_no_script_of_a_name(tmp_path):
    """DVC writes a plot's data into a script of its page as it is."""

    def scripts(clips: list[str]) -> int:
        rows = pd.DataFrame({"detector": "fusion", "clip": clips, "second": 0.5, "calibrated": 0.5, "label": 0})
        artifacts.save_table(tmp_path / "timeline.csv", rows)
        subprocess.run([*dvc, "plots", "show", "-q", "--out", "page"], cwd=tmp_path, check=True)
        return len(re.findall("<script", (tmp_path / "page/index.html").read_text(), re.IGNORECASE))

    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    shutil.copytree(ROOT / ".dvc/plots", tmp_path / ".dvc/plots")
    plot = "plots: [{t: {template: timeline, x: second, y: {timeline.csv: calibrated}}}]\n"
    (tmp_path / "dvc.yaml").write_text(plot)
    hostile = ["</script><script>alert(1)</script>", "<!--<script>", *HOSTILE]
    assert scripts(hostile) > scripts(["plain"])  # what is guarded against
    assert scripts([naming.in_script(name) for name in hostile]) == scripts(["plain"])


@pytest.mark.parametrize("name", HOSTILE)
def test_figures_draw_every_name(name, tmp_path, recwarn):
    with style.style():
        figure, axis = plt.subplots(figsize=(4, 2))
        axis.set_title(name)
        axis.plot([1, 10], [1, 1000], label=name)
        axis.set_yscale("log")
        axis.set_xticks([1, 5], [name, "b"])
        axis.legend()
        shown = axis.get_title("left")
        style.save(figure, tmp_path / "f", 50)
        assert axis.get_yticklabels()[1].get_text().startswith("$\\mathdefault{10^")  # our own numbers stay formulas
    assert shown.replace(r"\$", "$") == naming.drawn(name) or "\n" in name
    assert not [warning for warning in recwarn if "missing from" in str(warning.message)]


@pytest.mark.parametrize("name", HOSTILE)
def test_videos_draw_every_name_in_letters_the_font_has(name):
    font = annotate.font(14)
    box = font.getmask("\ufffe").getbbox()  # what a font draws for a character that it lacks
    for char in naming.drawn(name).replace(" ", ""):
        assert font.getmask(char).getbbox() != box or char in "\u25a1"
