"""The runs that DVC knows of, and two of them side by side."""

import streamlit as st

from app import cached, charts, experiments
from app.project import Project
from vad.detectors.titles import ordered, title

METRICS = {
    "ROC-AUC": "roc_auc",
    "Average precision": "average_precision",
    "F1": "f1",
    "Pixel ROC-AUC": "pixel_roc_auc",
    "False alarms / h": "alarms_per_hour",
    "Delay, s": "detection_delay_s",
    "Events caught": "events_detected",
}
project = Project.current()
runs = cached.experiments(project)
known = ordered({name for run in runs for name in run.metrics if name != "leak"})
if not known:
    project.need("No experiment to compare", project.metrics / "fusion.json")

metric = st.segmented_control("Metric", list(METRICS), default="ROC-AUC") or "ROC-AUC"
table = experiments.overview(runs, METRICS[metric], known)
number = st.column_config.NumberColumn(format="%.3f")
st.dataframe(
    table.rename(columns={name: title(name) for name in known}),
    hide_index=True,
    column_config={title(name): number for name in known} | {"Run": st.column_config.TextColumn(pinned=True)},
)

st.subheader("Side by side")
if len(runs) < 2:
    st.caption("There is one run only. 'dvc exp run -S padim.n_features=100' makes another.")
    st.stop()
left, right = st.columns(2)
labels = [run.label for run in runs]
a = runs[left.selectbox("Run A", range(len(runs)), 0, format_func=labels.__getitem__)]
b = runs[right.selectbox("Run B", range(len(runs)), 1, format_func=labels.__getitem__)]
both = experiments.side_by_side(a, b, METRICS[metric])
both = both.set_index("detector").reindex([name for name in known if name in set(both["detector"])]).reset_index()
charted, listed = st.columns([3, 2])
if len(both):
    charted.altair_chart(charts.pairs(both.assign(name=both["detector"].map(title)), metric))
differing = experiments.changed(a, b)
if differing.empty:
    listed.caption("Both runs have the same parameters.")
else:
    listed.dataframe(differing.rename_axis("Parameter").rename(columns={"a": "A", "b": "B"}).astype(str))
listed.dataframe(
    both.assign(detector=both["detector"].map(title)).set_index("detector").rename_axis("Detector")
    .rename(columns={"a": "A", "b": "B", "change": "B − A"}).style.format("{:.3f}", na_rep="–"),
    height="content",
)  # fmt: skip
