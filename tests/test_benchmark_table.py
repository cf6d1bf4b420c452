import pytest

from vad.benchmark.table import Bar, Figure, absent, table, values


@pytest.mark.parametrize(
    ("bar", "value", "ratio", "met"),
    [
        (Bar(">=", 0.6, "ratio"), 10.0, 0.6, True),
        (Bar(">=", 0.6, "ratio"), 10.0, 0.599, False),
        (Bar("<=", 1.2, "ratio"), 10.0, 1.2, True),
        (Bar("<=", 1.2, "ratio"), 1.0, 1.201, False),
        (Bar(">=", 60, "figure"), 60.0, 0.1, True),
        (Bar(">=", 60, "figure"), 59.9, 70.0, False),
        (Bar(">=", 60, "figure"), None, None, None),
        (None, 60.0, 0.1, None),
    ],
)
def test_a_bar_judges_the_figure_or_the_ratio(bar, value, ratio, met):
    assert Figure("a", value, "frames/s", ratio, bar).met is met


def test_the_table_shows_each_bar_beside_its_figure():
    figures = [
        Figure("padim fit", 60.0, "frames/s", 0.5, Bar(">=", 0.6, "ratio")),
        Figure("stae score", 75.0, "frames/s", None, Bar(">=", 60, "figure"), "frames of 360x240"),
        absent("tracks fit and score", "no tracks"),
    ]
    _, *lines = table(figures).splitlines()
    assert lines[0].split() == ["padim", "fit", "60.0", "frames/s", "0.500", "ratio", ">=", "0.6", "NO"]
    assert lines[1].split()[2:8] == ["75.0", "frames/s", "figure", ">=", "60", "yes"]
    assert lines[2].split("  ")[-1].strip() == "absent: no tracks"
    assert values(figures)["padim fit"] == {
        "figure": 60.0, "unit": "frames/s", "ratio": 0.5, "bar": "ratio >= 0.6", "met": False, "remark": "",
    }  # fmt: skip
