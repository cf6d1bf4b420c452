"""Tables and graphs of README.md and docs/, made from kept results and from the code.

A table stands between ``<!-- results: ped2 roc_auc f1 -->`` and ``<!-- end -->``: the name of a file of results, then
the columns. What its rows are is said by ``rows`` under its key ``run``, else they are detectors. The graph of the
rooms stands between ``<!-- rooms -->`` and ``<!-- end -->``; that of the stages has the mark ``<!-- stages -->``, what
``make scale`` measured ``<!-- scale -->``.
"""

import ast
import dataclasses
import json
import re
from collections.abc import Iterable
from pathlib import Path

from vad.benchmark import scale
from vad.pipeline.errors import UserError

RESULTS = Path("docs/results")
ROOMS = re.compile(r"(<!-- rooms -->\n).*?(<!-- end -->)", re.DOTALL)
STAGES = re.compile(r"(<!-- stages -->\n).*?(<!-- end -->)", re.DOTALL)
GROWTH = re.compile(r"(<!-- scale -->\n).*?(<!-- end -->)", re.DOTALL)
TABLE = re.compile(r"(<!-- results: (\S+) ([^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
INTERVAL = ("roc_auc", "roc_auc_macro", "average_precision", "paper", "clean", "leak")


def table(name: str, columns: list[str]) -> str:
    """A Markdown table: a row a detector, best first by the first column; intervals beside the value they belong to."""
    if not (file := RESULTS / f"{name}.json").exists():
        raise UserError(f"{file} is missing: a page shows it; keep it first, or take the mark out of the page")
    values = json.loads(file.read_text())
    first = values.get("run", {}).get("rows", "detector")
    rows = {row: value for row, value in (values["leak"] if columns[0] == "paper" else values).items()}
    rank = {row: -found for row, value in rows.items() if (found := _value(value, columns[0])) is not None}
    ranked = sorted(rank, key=lambda row: rank[row])
    titles = [_title(column) for column in columns]
    lines = [f"| {first} | " + " | ".join(titles) + " |"]
    lines.append("| --- |" + " ---: |" * len(columns))
    lines += [f"| {row} | " + " | ".join(_cell(rows[row], column) for column in columns) + " |" for row in ranked]
    return "\n".join(lines) + "\n"


def _title(column: str) -> str:
    """``lead.mean`` is ``lead mean``; what one table shows most of goes without its group."""
    group, _, key = column.rpartition(".")
    return (key if group in ("", "roc_auc", "by_event") else f"{group} {key}").replace("_", " ")


def _value(values: dict, column: str) -> float | None:
    """The metric ``column`` of one detector; ``by_event.running`` is one of a group."""
    group, _, key = column.rpartition(".")
    return (values.get(group, {}) if group else values).get(key)


def _cell(values: dict, column: str) -> str:
    value = _value(values, column)
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    low, high = values.get(f"{column}_low"), values.get(f"{column}_high")
    interval = f" [{low:.3f}, {high:.3f}]" if column in INTERVAL and low is not None else ""
    return f"{value:.3f}{interval}"


def rooms(package: Path = Path("vad")) -> str:
    """A Mermaid graph of the library's rooms, an arrow for each that imports from another, from the code's imports."""
    arrows = set()
    for file in sorted(package.rglob("*.py")):
        room = file.relative_to(package).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            names = [node.module]
            if names == [package.name]:
                names = [f"{package.name}.{alias.name}" for alias in node.names]
            inside = [name.split(".")[1] for name in names if name.startswith(f"{package.name}.")]
            arrows |= {(room, other) for other in inside if other not in (room, "pipeline") and room != "__init__"}
    return _graph(arrows)


def dag() -> str:
    """A Mermaid graph of the stages, of those made with foreach one box for all, without arrows that others imply."""
    import networkx
    from dvc.repo import Repo

    with Repo() as repo:  # DVC's edges go from a stage to what it depends on
        names = {stage: stage.addressing.partition("@")[0] for stage in repo.index.graph.nodes}
        arrows = {(names[needed], names[needing]) for needing, needed in repo.index.graph.edges}
    return _graph(networkx.transitive_reduction(networkx.DiGraph(arrows)).edges)


def _graph(arrows: Iterable[tuple[str, str]]) -> str:
    lines = [f"    {start} --> {end}" for start, end in sorted(arrows)]
    return "\n".join(["```mermaid", "graph TD", *lines, "```"]) + "\n"


def growth() -> str:
    """What ``make scale`` measured, as a table; says so where nobody has run it."""
    if not (RESULTS / "scale.json").exists():
        return "`make scale` has not been run for this page.\n"
    rows = json.loads((RESULTS / "scale.json").read_text())["rows"].values()
    names = [entry.name for entry in dataclasses.fields(scale.Growth)]
    grown = [scale.Growth(**{name: row[name] for name in names}) for row in rows]
    return f"{scale.table(grown)}\n\n{scale.started(grown)}\n"


def fill(text: str) -> str:
    """A page's text with every marked table and graph made anew."""
    text = TABLE.sub(lambda match: match[1] + table(match[2], match[3].split()) + match[4], text)
    text = GROWTH.sub(lambda match: match[1] + growth() + match[2], text)
    text = STAGES.sub(lambda match: match[1] + dag() + match[2], text)
    return ROOMS.sub(lambda match: match[1] + rooms() + match[2], text)
