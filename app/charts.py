"""Charts in the colours of the report's figures (``vad.visualization.style``)."""

import altair as alt
import pandas as pd

from vad.visualization.style import ABNORMAL, INK, MAIN, NORMAL, QUIET, SECOND, SERIES

ROW = 26  # pixels of a bar's row
PLAIN_AXIS = {"grid": True, "gridColor": "#eef0f2", "domainColor": QUIET, "tickColor": QUIET, "labelColor": INK}
# After the five of style.SERIES: distinguishable, and quieter.
MORE = ["#56b4e9", NORMAL, "#8c6d31", "#999999", "#5b4b8a", "#2f4b3c", "#b07aa1", "#7f7f00", "#a0522d"]


def colours(names: list[str]) -> dict[str, str]:
    """A colour per detector, in the order given."""
    palette = [*SERIES, *MORE]
    return {name: palette[place % len(palette)] for place, name in enumerate(names)}


def intervals(table: pd.DataFrame, name: str, chance: float | None = 0.5) -> alt.LayerChart:
    """A point with its interval per row. ``table``: name, value, low, high; ``chance``: where guessing would be."""
    low = min(table["low"].min(), table["value"].min(), chance if chance is not None else 1.0)
    scale = alt.Scale(domain=[max(0.0, float(low) - 0.03), 1.0], nice=False)
    base = alt.Chart(table).encode(y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)))
    tip = [alt.Tooltip("name", title="detector")]
    tip += [alt.Tooltip(key, format=".3f") for key in ("value", "low", "high")]
    rule = base.mark_rule(color=NORMAL, strokeWidth=2, opacity=0.6).encode(x="low:Q", x2="high:Q")
    x = alt.X("value:Q", title=name, scale=scale, axis=alt.Axis(format=".2f"))
    point = base.mark_point(filled=True, size=80, color=MAIN, opacity=1).encode(x=x, tooltip=tip)
    layers = [rule, point]
    if chance is not None:
        line = alt.Chart(pd.DataFrame({"x": [chance]})).mark_rule(color=INK, strokeDash=[2, 3], opacity=0.5)
        layers.insert(0, line.encode(x="x:Q"))
    return styled(alt.layer(*layers).properties(height=ROW * len(table) + 10))


def curves(
    table: pd.DataFrame, x: tuple[str, str], y: tuple[str, str], colour: dict[str, str], diagonal: bool
) -> alt.LayerChart:
    """Lines by ``name``. ``x``, ``y``: (column, title), both from 0 to 1; ``colour``: by name."""
    unit = alt.Scale(domain=[0, 1])
    lines = (
        alt.Chart(table)
        .mark_line(strokeWidth=2, interpolate="linear")
        .encode(
            x=alt.X(f"{x[0]}:Q", title=x[1], scale=unit),
            y=alt.Y(f"{y[0]}:Q", title=y[1], scale=unit),
            order=alt.Order(f"{x[0]}:Q"),
            color=alt.Color("name:N", sort=None, title=None, scale=colour_scale(colour)),
            tooltip=["name", alt.Tooltip(x[0], format=".3f"), alt.Tooltip(y[0], format=".3f")],
        )
    )
    if not diagonal:
        return styled(alt.layer(lines).properties(height=380))
    guess = alt.Chart(pd.DataFrame({"x": [0, 1], "y": [0, 1]})).mark_line(color=QUIET, strokeDash=[3, 3])
    return styled(alt.layer(guess.encode(x="x:Q", y="y:Q"), lines).properties(height=380))


def densities(table: pd.DataFrame, order: list[str]) -> alt.FacetChart:
    """Score densities by class, a small panel per ``name``. ``table``: name, class, deviate, density."""
    scale = alt.Scale(domain=["normal", "abnormal"], range=[NORMAL, ABNORMAL])
    area = alt.Chart(table).mark_area(opacity=0.4, line=True).encode(
        x=alt.X("deviate:Q", title=None, scale=alt.Scale(domain=[-3, 5], clamp=True)),
        y=alt.Y("density:Q", title=None, axis=None, stack=None),
        color=alt.Color("class:N", title=None, scale=scale, legend=alt.Legend(orient="top")),
    )  # fmt: skip
    small = area.properties(width=190, height=80)
    return styled(small.facet(alt.Facet("name:N", sort=order, title=None), columns=4).resolve_scale(y="independent"))


def heat(table: pd.DataFrame, order: list[str]) -> alt.LayerChart:
    """AUC by detector (``name``) and event ``type`` as a table of shades."""
    base = alt.Chart(table).encode(
        x=alt.X("type:N", title=None, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=120)),
        y=alt.Y("name:N", title=None, sort=order, axis=alt.Axis(labelLimit=200)),
    )
    shade = alt.Scale(scheme="cividis", domain=[0.4, 1.0], clamp=True)
    cells = base.mark_rect().encode(
        color=alt.Color("auc:Q", scale=shade, legend=None),
        tooltip=["name", "type", alt.Tooltip("auc", format=".3f", title="AUC")],
    )
    white = alt.when(alt.datum.auc < 0.7).then(alt.value("white")).otherwise(alt.value("black"))
    text = base.mark_text(fontSize=12).encode(text=alt.Text("auc:Q", format=".2f"), color=white)
    return styled(alt.layer(cells, text).properties(height=(ROW + 2) * len(order) + 30))


def shares(table: pd.DataFrame) -> alt.LayerChart:
    """Share of events noticed, with its interval. ``table``: ``app.answering.by_type``."""
    colour = {"noticed": SECOND, "missed": ABNORMAL, "too few to say": NORMAL}
    base = alt.Chart(table).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=160)),
        color=alt.Color("verdict:N", title=None, scale=colour_scale(colour), legend=alt.Legend(orient="top")),
        tooltip=[alt.Tooltip("name", title="event"), alt.Tooltip("text", title="noticed"), "delay"],
    )
    x = alt.X("low:Q", title="share of events noticed", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    half = alt.Chart(pd.DataFrame({"x": [0.5]})).mark_rule(color=INK, strokeDash=[2, 3], opacity=0.5).encode(x="x:Q")
    rule = base.mark_rule(strokeWidth=2, opacity=0.6).encode(x=x, x2="high:Q")
    point = base.mark_point(filled=True, size=80, opacity=1).encode(x="share:Q")
    return styled(alt.layer(half, rule, point).properties(height=(ROW + 4) * len(table) + 50))


def leak(table: pd.DataFrame) -> alt.LayerChart:
    """What was published beside what holds: ``app.tables.leak`` as two points a row, joined."""
    scale = alt.Scale(domain=["paper", "clean"], range=[ABNORMAL, MAIN])
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200))
    base = alt.Chart(table).encode(y=y, yOffset=alt.YOffset("protocol:N", sort=["paper", "clean"]))
    bar = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        x=alt.X("low:Q", title="ROC-AUC", scale=alt.Scale(domain=[0.4, 1.0])), x2="high:Q",
        color=alt.Color("protocol:N", scale=scale, title=None, legend=alt.Legend(orient="top")),
    )  # fmt: skip
    point = base.mark_point(filled=True, size=80, opacity=1).encode(
        x="value:Q",
        color=alt.Color("protocol:N", scale=scale),
        tooltip=["name", "protocol", *(alt.Tooltip(key, format=".3f") for key in ("value", "low", "high"))],
    )
    return styled(alt.layer(bar, point).properties(height=56 * table["name"].nunique() + 40))


def pairs(table: pd.DataFrame, metric: str) -> alt.LayerChart:
    """Two runs' values of a metric per detector, joined. ``table``: name, a, b."""
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200))
    x = alt.X("value:Q", title=metric, scale=alt.Scale(zero=False, padding=12))
    join = alt.Chart(table).mark_rule(color=QUIET, strokeWidth=2).encode(y=y, x=alt.X("a:Q", title=metric), x2="b:Q")
    long = table.melt(["name"], ["a", "b"], "run", "value").replace({"run": {"a": "A", "b": "B"}})
    points = alt.Chart(long).mark_point(filled=True, size=90, opacity=1).encode(
        y=y, x=x, tooltip=["name", "run", alt.Tooltip("value", format=".3f")],
        color=alt.Color("run:N", title=None, scale=colour_scale({"A": NORMAL, "B": ABNORMAL}),
                        legend=alt.Legend(orient="top")),
    )  # fmt: skip
    return styled(alt.layer(join, points).properties(height=ROW * len(table) + 40))


def sweep(table: pd.DataFrame, now: float, tuned: float) -> list[alt.LayerChart]:
    """Alarms per hour, events caught and delay along the threshold; ``now`` and ``tuned`` as upright lines."""
    x = alt.X("level:Q", title=None, scale=alt.Scale(nice=False))
    panels = []
    for key, name, colour in (
        ("alarms_per_hour", "false alarms / h", ABNORMAL),
        ("events_detected", "events caught", MAIN),
        ("detection_delay_s", "delay, s", NORMAL),
    ):
        line = alt.Chart(table).mark_line(strokeWidth=2, color=colour).encode(
            x=x, y=alt.Y(f"{key}:Q", title=name, axis=alt.Axis(tickCount=4)),
            tooltip=[alt.Tooltip("level", format=".2f", title="threshold"), alt.Tooltip(key, format=".3g", title=name)],
        )  # fmt: skip
        marks = alt.Chart(pd.DataFrame({"level": [now]})).mark_rule(color=INK, strokeWidth=1.5).encode(x="level:Q")
        usual = alt.Chart(pd.DataFrame({"level": [tuned]})).mark_rule(color=INK, strokeDash=[3, 3], opacity=0.5)
        panels.append(styled(alt.layer(usual.encode(x="level:Q"), line, marks).properties(height=120)))
    return panels


def colour_scale(colour: dict[str, str]) -> alt.Scale:
    """A colour scale over the keys of ``colour``."""
    return alt.Scale(domain=list(colour), range=list(colour.values()))


def styled(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    """``chart`` with quiet axes and no frame."""
    return chart.configure_view(stroke=None).configure_axis(**PLAIN_AXIS).configure_header(labelColor=INK)
