"""dvc.yaml says what the code does: stages list the files that they compute with, detectors have their entries."""

import re
from pathlib import Path

import pytest
import yaml

from vad.pipeline import imports

ROOT = Path(__file__).parent.parent
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
DETECTORS = PIPELINE["vars"][0]["detector"]
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE["stages"].items()}
# Loaded only where a detector asks for them, and then listed by that detector's stages.
ON_DEMAND = frozenset({"backbones", "encoders/semantic"})


def computes_with(script: Path) -> set[str]:
    """Modules behind a stage script; of the generic detector code only what the script's own detector brings."""
    found = imports.closure(script, stop=frozenset({"harness/detectors"}))
    if "harness/detectors" in found:
        registry = imports.direct(imports.PACKAGE / "harness" / "detectors.py") - ON_DEMAND
        found |= registry.union(*(imports.closure(imports.PACKAGE / f"{name}.py") for name in registry))
        if fitted := re.search(r"detectors\.fit\(\"(\w+)\"", script.read_text()):
            found |= {fitted[1]} | imports.closure(imports.PACKAGE / f"{fitted[1]}.py")
    return found


def dependencies(script: Path) -> set[str]:
    """What a stage lists of vad: files of its top level, and of its packages the whole folder."""
    return {f"vad/{package}" if inside else f"vad/{package}.py" for package, _, inside in
            (module.partition("/") for module in computes_with(script))}  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_lists_its_script_and_the_code_it_computes_with(name):
    stage = STAGES[name]
    script = Path(stage["cmd"].split()[2].replace(".", "/") + ".py")
    listed = {str(dep) for dep in stage["deps"]}
    wanted = {str(script)} | dependencies(ROOT / script)
    assert wanted - listed == set()
    unused = {dep for dep in listed if dep.startswith(("vad/", "stages/")) and "$" not in dep} - wanted
    assert unused == set()


def test_every_detector_has_its_entry_switch_parameters_and_fit():
    made = {out for stage in STAGES.values() for out in stage["outs"] if isinstance(out, str)}
    assert set(DETECTORS) == set(PARAMS["detectors"])
    for name in DETECTORS:
        assert name in PARAMS
        assert f"data/models/{name}" in made
        assert (ROOT / "report" / "methods" / f"{name}.tex.j2").exists()


def test_raw_data_is_never_an_output():
    for stage in STAGES.values():
        for out in stage["outs"]:
            path = out if isinstance(out, str) else next(iter(out))
            assert not path.startswith("data/raw")
