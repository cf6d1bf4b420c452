import pytest

from vad.report.latex import Tex, count, environment, escape, interval, listing, number, percent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % & more_", r"50 \% \& more\_\allowbreak{}"),
        ("a\\b{c}$d#", r"a\textbackslash{}b\{c\}\$d\#"),
        ("Müller", "Müller"),
        ("\x07人", "Ren"),
        ("\ue000", ""),
        ("a\nb", "a b"),
        (None, "--"),
        (Tex(r"\emph{x}"), r"\emph{x}"),
    ],
)
def test_escape(text: object, expected: str) -> None:
    assert escape(text) == expected


def test_numbers() -> None:
    assert number(0.98765) == "0.988"
    assert number(-0.5, 1) == "$-$0.5"
    assert number(None) == count(None) == percent(None) == "--"
    assert count(40791) == r"40\,791"
    assert percent(0.4247) == r"42.5\,\%"
    assert interval({"a": 0.5}, "a") == "0.500"
    assert interval({"a": 0.5, "a_low": 0.4, "a_high": 0.61}, "a") == r"0.500 {\scriptsize[0.400, 0.610]}"
    assert listing(["a", "b_", "c"]) == r"a, b\_\allowbreak{} and c"
    assert listing(["a"]) == "a"
    assert listing([]) == ""


def test_whatever_a_template_prints_is_escaped(tmp_path) -> None:
    (tmp_path / "t.j2").write_text(
        "%% for x in xs\n\\VAR{x} & \\VAR{x|tex}\\BLOCK{if not loop.last},\\BLOCK{endif}\n%% endfor\n% a {comment}\n"
    )
    text = environment(tmp_path).get_template("t.j2").render(xs=["a_b", "50%"])
    assert text == "a\\_\\allowbreak{}b & a_b,\n50\\% & 50%\n% a {comment}\n"
