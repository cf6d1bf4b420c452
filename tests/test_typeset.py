import pytest

from vad.pipeline.errors import UserError
from vad.report import typeset
from vad.report.typeset import engine, first_error, overfull

needs_tex = pytest.mark.skipif(engine() in (None, "tectonic"), reason="no latexmk or pdflatex here")


def test_first_error_of_either_log_style() -> None:
    log = "This is pdfTeX\n./report.tex:12: Undefined control sequence.\nl.12 \\oops\n./report.tex:20: Other.\n"
    assert first_error(log) == "./report.tex:12: Undefined control sequence."
    assert first_error("! Missing $ inserted.\n<inserted>\nl.7 a_b\n") == "Missing $ inserted. l.7 a_b"
    assert first_error("") == "the engine said nothing"


def test_overfull_boxes_by_width() -> None:
    log = "Overfull \\hbox (3.2pt too wide) in paragraph\nOverfull \\hbox (30.0pt too wide) in alignment\n"
    assert overfull(log, 5) == ["Overfull \\hbox (30.0pt too wide) in alignment"]


@needs_tex
def test_latex_errors_are_one_line_that_names_the_place(tmp_path) -> None:
    source = tmp_path / "a.tex"
    source.write_text("\\documentclass{article}\\begin{document}\n\\oops\n\\end{document}\n")
    with pytest.raises(
        UserError, match=r"a\.tex cannot be typeset with \w+: .*a\.tex:2: Undefined control sequence"
    ) as error:
        typeset.typeset(source, tmp_path / "a.pdf", engine())
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tex"], "nothing half-written stays"


@needs_tex
def test_an_engine_without_latexmk_gives_a_pdf_too(tmp_path) -> None:
    source = tmp_path / "a.tex"
    source.write_text("\\documentclass{article}\\begin{document}\\section{A}\\label{a}See~\\ref{a}.\\end{document}\n")
    log = typeset.typeset(source, tmp_path / "a.pdf", "pdflatex")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert "undefined references" not in log
