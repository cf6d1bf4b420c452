"""dvc.yaml says what the code does: stages list the code that they compute with, detectors have their entries."""

import re
from pathlib import Path

import pytest
import yaml

from tests import imports
from vad.detectors import registry
from vad.pipeline import wiring

ROOT = Path(__file__).parent.parent
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
DETECTORS = wiring.detectors(ROOT)
# They read, write and report, and compute nothing.
PLUMBING = ("vad/pipeline/", "vad/detectors/registry.py", "vad/protocol/declaration.py")


STAGES = {stage.name: stage for stage in wiring.stages(ROOT)}


def computes_with(name: str) -> set[str]:
    """Source files of vad behind a stage: what its script imports, and what the detector that it names imports."""
    script = STAGES[name].command[0]
    found = imports.behind(script)
    if "@" in name:
        found |= imports.behind(f"vad.detectors.{name.partition('@')[2]}")
    files = {imports.file(module) for module in found}
    return {file for file in files if not file.startswith(PLUMBING) and (ROOT / file).read_text().count("\n") > 1}


def covers(dep: str, file: str) -> bool:
    return file == dep or file.startswith(f"{dep}/")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_lists_its_script_and_the_code_it_computes_with(name):
    deps = STAGES[name].deps
    assert STAGES[name].command[0].replace(".", "/") + ".py" in deps
    assert {file for file in computes_with(name) if not any(covers(dep, file) for dep in deps)} == set()


@pytest.mark.parametrize("stage", sorted({name.partition("@")[0] for name in STAGES}))
def test_a_stage_lists_no_code_that_it_does_not_compute_with(stage):
    """Of a stage of every detector, what no detector's instance uses."""
    instances = [name for name in STAGES if name.partition("@")[0] == stage]
    used = set().union(*(computes_with(name) for name in instances))
    code = {dep for name in instances for dep in STAGES[name].deps if dep.startswith("vad/")}
    assert {dep for dep in code if not any(covers(dep, file) for file in used)} == set()


def test_every_detector_has_its_entry_switch_and_parameters():
    assert set(DETECTORS) == set(PARAMS["detectors"]) == set(registry.names())
    for name, entry in DETECTORS.items():
        assert name in PARAMS
        assert (ROOT / "stages" / f"{entry['fit']}.py").exists()
        reads = {re.sub(r"\..*|linked_", "", entry[key]) for key in ("reads", "and")}
        declared = registry.declared(name)
        # Whether a clip has pixels is seen by its frames.
        assert reads == set(declared.reads) | ({"frames"} if declared.needs_pixels else set())


def test_raw_data_is_never_an_output():
    for stage in STAGES.values():
        assert not any(out.startswith("data/raw") for out in stage.outs)
