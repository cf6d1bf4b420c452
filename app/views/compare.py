"""Which detector to trust: the answer, metrics with intervals, curves, AUC by type of event, and the leak."""

import streamlit as st

from app import cached, charts, tables
from app.project import Project
from vad.detectors.titles import ordered, title

project = Project.current()
metrics = cached.metrics(project)
project.need("Nothing to compare", project.metrics)
if not tables.ran(metrics):
    project.need("Nothing to compare", project.metrics / "fusion.json")


def answer() -> None:
    """The sentences of the report's first page."""
    if says := cached.json(project.data / "answer.json").get("says"):
        with st.container(border=True):
            st.markdown("\n".join(f"- {sentence}" for sentence in says))


def numbers() -> None:
    table = tables.overview(metrics)
    whole = {name: st.column_config.NumberColumn(format="%.3f") for name in tables.PLAIN.values()}
    whole["Delay, s"] = st.column_config.NumberColumn(format="%.2f")
    whole["False alarms / h"] = st.column_config.NumberColumn(format="%.0f")
    whole["Detector"] = st.column_config.TextColumn(pinned=True)
    st.dataframe(table, hide_index=True, column_config=whole, height="content", placeholder="–")
    values = next(iter(tables.ran(metrics).values()))
    st.caption(
        f"{values['frames']:,} test frames of {values['clips']} clips, {values['abnormal_frames']:,} abnormal. "
        "Brackets: intervals by bootstrap over clips. Events, delay and false alarms are at the tuned threshold, "
        "from scores that know no future; the others from smoothed scores."
    )
    for name, why in tables.skipped(metrics).items():
        st.caption(f"{title(name)} did not run: {why}")


def ranking() -> None:
    choices = {text: key for key, text in tables.INTERVALS.items()}
    chosen = st.segmented_control("Metric", list(choices), default="ROC-AUC", label_visibility="collapsed")
    key = choices[chosen or "ROC-AUC"]
    table = tables.intervals(metrics, key)
    if table.empty:
        st.caption("The test frames are all of one class: there is nothing to rank.")
        return
    st.altair_chart(charts.intervals(table, chosen or "ROC-AUC", None if key == "average_precision" else 0.5))


def curves(file: str, x: tuple[str, str], y: tuple[str, str], diagonal: bool) -> None:
    points = cached.table(project.root / "plots" / "data" / file)
    if points.empty:
        st.caption(f"plots/data/{file} is not there: 'dvc repro evaluate' writes it where both classes were scored.")
        return
    names = ordered(points["detector"])
    best = [name for name in tables.ran(metrics) if name in names][:5]
    chosen = st.multiselect("Detectors", names, best, format_func=title, key=file) or best
    points = points[points["detector"].isin(chosen)].assign(name=points["detector"].map(title))
    st.altair_chart(charts.curves(points, x, y, charts.colours([title(name) for name in chosen]), diagonal))


def densities() -> None:
    points = cached.table(project.root / "plots" / "data" / "densities.csv")
    if points.empty:
        st.caption("plots/data/densities.csv is not there: 'dvc repro evaluate' writes it.")
        return
    order = [title(name) for name in tables.ran(metrics)]
    points = points.assign(name=points["detector"].map(title))
    st.altair_chart(charts.densities(points, order), width="content")
    st.caption("Normal deviates: 0 is the median of held-out normal video, 2 its 97.7 % quantile.")


def events() -> None:
    table = tables.by_event(metrics)
    if table.empty:
        st.caption("The data set names no types of events: an events.csv beside its clips would (data/README.md).")
        return
    order = [title(name) for name in tables.ran(metrics) if title(name) in set(table["name"])]
    st.altair_chart(charts.heat(table, order))
    st.caption("ROC-AUC of that type's frames against all normal ones; below 0.5 the detector takes it for calm.")


def leak() -> None:
    table = tables.leak(cached.json(project.metrics / "leak.json"))
    if table.empty:
        st.caption("No labelled detector ran, so there is nothing that could leak.")
        return
    left, right = st.columns([3, 2])
    left.altair_chart(charts.leak(table))
    wide = table.pivot(index="name", columns="protocol", values="value").reindex(table["name"].unique())
    wide["leak"] = wide["paper"] - wide["clean"]
    right.dataframe(wide.rename_axis("Detector")[["paper", "clean", "leak"]].style.format("{:.3f}"))
    st.caption(
        "paper: fitted on and scored on one pool of labelled test frames, as published. clean: each clip is scored by "
        "a fit on other clips. Their difference is the leak."
    )


VIEWS = {
    "Ranking": ranking,
    "By type of event": events,
    "ROC": lambda: curves("roc.csv", ("fpr", "false positive rate"), ("tpr", "true positive rate"), diagonal=True),
    "Precision-recall": lambda: curves("pr.csv", ("recall", "recall"), ("precision", "precision"), diagonal=False),
    "Score densities": densities,
    "Leak": leak,
}
answer()
numbers()
for tab, view in zip(st.tabs(list(VIEWS), on_change="rerun", key="view"), VIEWS.values(), strict=True):
    if tab.open:
        with tab:
            view()
