"""The rooms of the library: imports go down only, and never in a circle."""

import itertools

import pytest

from tests import imports

# From the ground up; a room may import from itself and from those before it.
ROOMS = (
    "pipeline", "data", "simulation", "features", "perception", "protocol", "metrics", "post_processing", "detectors",
    "evaluation", "visualization", "report", "benchmark", "deploy", "cli",
)  # fmt: skip


def room(module: str) -> str:
    return module.split(".")[1]


def arrows() -> list[tuple[str, str]]:
    graph = imports.graph()
    return [
        (module, imported)
        for module in graph.modules
        if module.count(".") and module.startswith("vad.")
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.count(".") and imported.startswith("vad.")
    ]


def test_every_room_is_known():
    assert {room(module) for module in imports.graph().modules if module.startswith("vad.")} <= set(ROOMS)


def test_no_arrow_goes_up():
    upward = [(a, b) for a, b in arrows() if ROOMS.index(room(a)) < ROOMS.index(room(b))]
    assert upward == []


def test_no_circle():
    follows: dict[str, set[str]] = {}
    for module, imported in arrows():
        follows.setdefault(module, set()).add(imported)
    for module in follows:
        reached, waiting = set(), [module]
        while waiting:
            new = follows.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        assert module not in reached, f"{module} imports itself in a circle"


@pytest.mark.parametrize("above", ["stages", "dvc", "app", "streamlit"])
def test_the_library_knows_nothing_of_what_runs_it(above):
    graph = imports.graph()
    users = itertools.chain.from_iterable(
        graph.find_modules_that_directly_import(module) for module in graph.modules if module.split(".")[0] == above
    )
    assert [module for module in users if module.startswith("vad.")] == []
