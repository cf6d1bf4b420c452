"""Which detector to trust on these cameras, and how far: what the run says, and what it cannot say."""

import streamlit as st

from app import answering, cached, charts
from app.project import Project
from vad.detectors.titles import title

project = Project.current()
file = project.data / "answer.json"
project.need("No answer", file)
answer = cached.json(file)
trust, overall = answer["trust"], answer["overall"]

st.subheader(f"Trust {title(trust['detector'])}")
places = st.columns(4)
if trust.get("auc") is not None:
    places[0].metric("ROC-AUC on clips set aside", f"{trust['auc']:.3f}", border=True)
    places[0].caption(f"{trust['low']:.3f} to {trust['high']:.3f}")
if overall.get("events"):
    noticed = overall["events"]
    places[1].metric("Events noticed", f"{noticed['noticed']} of {noticed['total']}", border=True)
    places[1].caption(f"{100 * noticed['low']:.0f} to {100 * noticed['high']:.0f} %")
    half = "none" if noticed["delay"] is None else f"{noticed['delay']:.2f} s"
    places[2].metric("Half of these within", half, border=True)
    places[2].caption(answering.delay(noticed) or "no event was noticed")
if overall["promise"]:
    promise = overall["promise"]
    places[3].metric("False alarms an hour, at most", answering.brief(promise["alarms_per_hour"]), border=True)
    places[3].caption(
        f"promised on average; in the long run {answering.brief(promise['low'])} to {answering.brief(promise['high'])}"
    )
st.markdown("\n".join(f"- {sentence}" for sentence in answer["says"]))
st.caption(
    f"At the threshold of a budget of {answer['alarms_per_hour']:g} false alarms an hour, from scores that know no "
    f"future. Brackets and ranges: {100 * answer['confidence']:.0f} % intervals."
)

st.subheader("By camera")
st.dataframe(answering.by_scene(answer["scenes"]), hide_index=True, height="content", placeholder="–")
types = answering.by_type(answer["types"])
if len(types):
    st.subheader("By type of event")
    st.columns([3, 2])[0].altair_chart(charts.shares(types))
