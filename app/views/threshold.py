"""What an alarm threshold costs and brings: move it and see false alarms per hour, events caught and the delay."""

import numpy as np
import streamlit as st

from app import cached, charts, operating
from app.project import Project
from vad.detectors.titles import ordered, title
from vad.evaluation import scorecard
from vad.visualization.scale import log_odds

project = Project.current()
project.need("No threshold to move", project.fused, project.thresholds, *project.store)
thresholds = cached.json(project.thresholds)
names = ordered(thresholds["detectors"])
fused_first = names.index("fusion") if "fusion" in names else 0
detector = st.selectbox("Detector", names, fused_first, format_func=title)
tuned = thresholds["detectors"][detector]
test, setting = cached.watched(project, detector), cached.setting(project)
sweep = cached.sweep(project, detector)
# Rounded: to the slider, 3.7000000000000002 would lie beyond the end that the browser sends as 3.7.
low, high = (round(float(end), 2) for end in (sweep["level"].min() - 0.05, sweep["level"].max() + 0.05))
usual = float(np.clip(round(float(log_odds(np.median([fold["threshold"] for fold in tuned.values()]))), 2), low, high))
slider, moved = f"level of {detector}", f"{detector} was moved"


def move() -> None:
    st.session_state[moved] = True


def reset() -> None:
    st.session_state[slider], st.session_state[moved] = usual, False


left, right = st.columns([5, 1], vertical_alignment="bottom")
st.session_state.setdefault(slider, usual)
level = left.slider(
    "Alarm when the score reaches", low, high, step=0.05, key=slider, on_change=move,
    help="Decimal log odds of the calibrated score: 0 is the median of held-out normal video, 1 about its upper tenth, "
    "2 its upper hundredth, 3 its upper thousandth.",
)  # fmt: skip
right.button("As tuned", on_click=reset, disabled=not st.session_state.get(moved), width="stretch")

as_tuned = scorecard.judged(test, tuned, setting.per_scene)
over = operating.over_level(test, level) if st.session_state.get(moved) else as_tuned
now, before = scorecard.operation(test, over, setting), scorecard.operation(test, as_tuned, setting)


def figure(place, label: str, key: str, text: str, inverse: bool) -> None:
    change = now[key] - before[key]
    delta = f"{change:+.3g}" if np.isfinite(change) and change else None
    place.metric(label, text, delta, delta_color="inverse" if inverse else "normal", border=True)


places = st.columns(4)
figure(places[0], "False alarms per hour", "alarms_per_hour", f"{now['alarms_per_hour']:.1f}", True)
caught = f"{now['events_detected']} of {now['events_total']}"
figure(places[1], "Events caught", "events_detected", caught, False)
delay = f"{now['detection_delay_s']:.2f} s" if np.isfinite(now["detection_delay_s"]) else "none"
figure(places[2], "Median delay", "detection_delay_s", delay, True)
places[3].metric("Time in alarm", f"{over.mean():.1%}", border=True)

minutes = operating.normal_minutes(test, setting)
rule = {"f1": "the best F1 on permitted clips", "budget": "the false-alarm budget"}[thresholds["rule"]]
state = "One threshold for all clips." if st.session_state.get(moved) else f"As tuned: {rule}, each fold its own."
st.caption(
    f"{state} About one normal frame in {1 + 10**level:,.0f} scores as high."
    + (f" Counted on {minutes:.1f} minutes of normal test video: a single false alarm is {60 / minutes:,.0f} per hour."
       if minutes else " There is no normal test video to count false alarms on.")
)  # fmt: skip

charted, listed = st.columns([3, 2])
for panel in charts.sweep(sweep, level, usual):
    charted.altair_chart(panel)
charted.caption("Along the threshold. Solid: now; dashed: as tuned (median over folds).")
events = operating.outcomes(test, over, setting)
listed.dataframe(
    events.assign(caught=events["delay"].notna()),
    hide_index=True,
    height="content" if len(events) <= 20 else 600,
    placeholder="–",
    column_order=["caught", "clip", "type", "begin", "end", "delay"],
    column_config={
        "caught": st.column_config.CheckboxColumn("Caught"),
        "clip": "Clip",
        "type": "Event",
        "begin": st.column_config.NumberColumn("From, s", format="%.1f"),
        "end": st.column_config.NumberColumn("To, s", format="%.1f"),
        "delay": st.column_config.NumberColumn("Delay, s", format="%.2f"),
    },
)
