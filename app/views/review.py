"""The highest alarms of your own video that nobody has labelled: yes, no or skip, one key each."""

import streamlit as st

from app import cached, footage, player, reviewing
from app.project import Project
from app.reviewing import Alarm, Answer
from vad.detectors.titles import ordered, title

AROUND = 2.0  # seconds shown before and after an alarm
project = Project.current()
project.need("Nothing to review", project.fused, project.thresholds, project.params, *project.store)
table, clips = cached.shown(project), cached.clips(project)
manifest = cached.table(project.data / "manifest.csv")
own = reviewing.files(project.root, manifest)
practice: list[Answer] = st.session_state.setdefault("practice", [])

if own is None:
    st.info(
        "Practice: this data set comes with its labels, so nothing is written; your answers are compared with them. "
        "With your own video (a folder with train/, test/ and labels.csv, see data/README.md) they go into labels.csv.",
        icon=":material/school:",
    )
given = practice if own is None else reviewing.answers(own)
labelled = [] if own is None else reviewing.labelled(own)

names = ordered(table["detector"])
left, right = st.columns([2, 3])
detector = left.selectbox(
    "Detector", names, names.index("fusion") if "fusion" in names else 0, format_func=title, key="review detector"
)
level = right.slider(
    "Look at alarms from", 0.0, 6.0, 2.0, 0.5,
    help="Decimal log odds of the calibrated score: 2 is the upper hundredth of held-out normal video.",
)  # fmt: skip
found = reviewing.alarms(
    table[table["detector"] == detector], cached.fps(project), level, cached.json(project.thresholds)["merge_seconds"]
)
seen = [*labelled, *((said.clip, said.first, said.last) for said in given)]
waiting = reviewing.unanswered(found, seen, own)


def answer(alarm: Alarm, text: str, slider: str) -> None:
    current = practice if own is None else reviewing.answers(own)
    if not reviewing.unanswered([alarm], ((said.clip, said.first, said.last) for said in current), own):
        return  # a second key before the next alarm was there
    clip = clips[alarm.clip]
    first, last = st.session_state.get(slider) or (alarm.first / clip.fps, alarm.last / clip.fps)
    exact = (alarm.first, alarm.last) if text != "yes" else (round(first * clip.fps), round(last * clip.fps))
    span = (alarm.clip, *exact)
    said = Answer(*(span if own is None else own.stretch(*span)), text, detector, alarm.score)
    if own is None:
        practice.append(said)
    else:
        reviewing.give(own, said)


def back() -> None:
    if own is None:
        practice.pop()
    else:
        reviewing.take_back(own)


def judge(alarm: Alarm) -> None:
    clip = clips[alarm.clip]
    rows = cached.timelines(project, alarm.clip)
    frames = rows["frame"].drop_duplicates().sort_values().to_numpy()
    near = frames[(frames >= alarm.first - AROUND * clip.fps) & (frames <= alarm.last + AROUND * clip.fps)]
    near = footage.segment(near, alarm.peak)
    sources = project.with_maps(alarm.clip)
    source = next((name for name in (detector, "motion", *sources) if name in sources), None)
    st.markdown(
        f"**{alarm.clip}**, {alarm.first / clip.fps:.1f} to {alarm.last / clip.fps:.1f} s, highest score "
        f"{alarm.score:.1f}. Is this abnormal?"
    )
    span = f"span {alarm}"
    buttons = st.columns([2, 2, 2, 2, 6])
    for place, (text, label, key) in enumerate((("yes", "Yes", "y"), ("no", "No", "n"), ("skip", "Skip", "s"))):
        buttons[place].button(
            label, on_click=answer, args=(alarm, text, span), shortcut=key, width="stretch",
            type="primary" if text == "yes" else "secondary",
        )  # fmt: skip
    buttons[3].button("Back", on_click=back, disabled=not given, shortcut="b", width="stretch")
    told = player.story(rows[rows["detector"] == detector].assign(label=0), [detector], clip.fps, manifest.iloc[:0])
    told["truth"] = [[alarm.first / clip.fps, (alarm.last + 1) / clip.fps]]
    film = cached.video(project, alarm.clip, near, source, 0.7) if clip.path or clip.tracks is not None else None
    start = max(near[0], alarm.first - clip.fps / 2) / clip.fps
    player.show(player.with_video(told | {"marked": "this alarm"}, film, near, clip.fps, start), key=f"player {alarm}")
    whole = (0.0, float(frames[-1] / clip.fps))
    if alarm.first < alarm.last:
        st.slider(
            "Abnormal from, to (s)", *whole, (alarm.first / clip.fps, alarm.last / clip.fps), 1 / clip.fps, "%.2f",
            key=span, help="A yes labels these frames; move the ends where the alarm starts late or stays too long.",
        )  # fmt: skip


def summary() -> None:
    counts = {text: sum(said.answer == text for said in given) for text in reviewing.ANSWERS}
    st.caption(
        f"{len(waiting)} of {len(found)} alarms to look at. Answered: {counts['yes']} yes, {counts['no']} no, "
        f"{counts['skip']} skipped."
    )
    if own is None:
        if given:
            last = given[-1]
            rows = table[(table["clip"] == last.clip) & table["frame"].between(last.first, last.last)]
            truth = "abnormal" if rows["label"].max() else "normal"
            st.caption(
                f"The last one, {last.clip} from frame {last.first}, is labelled {truth}; you said {last.answer}."
            )
        return
    st.caption(
        f"A yes is written to {own.labels}, and 'dvc repro' evaluates on it; every answer is kept in {own.log}. "
        "What nobody looked at counts as normal there: after a review you know how many alarms are right, "
        "not how many events were missed."
    )
    if own.labels.exists() and own.labels.stat().st_mtime > project.store[1].stat().st_mtime:
        st.caption(f"labels.csv has changed since this run: 'dvc repro' in {project.root} evaluates on it.")


if waiting:
    judge(waiting[0])
else:
    st.success("No alarm is left to look at from this level on.", icon=":material/done_all:")
    st.button("Back", on_click=back, disabled=not given, shortcut="b")
summary()
