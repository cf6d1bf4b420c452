"""What detectors declare: truthfully, and readable without importing them."""

from pathlib import Path

import pytest

from vad.detectors import registry
from vad.pipeline import wiring
from vad.pipeline.errors import UserError
from vad.protocol import declaration
from vad.protocol.declaration import Declaration

ROOT = Path(__file__).parent.parent
SOURCE = """'''Brightness: it is
bright.

More.'''
TITLE = "Brightness"
READS = ("frames",)
ROLE = "fit_all"
LABELLED = False
"""


@pytest.mark.parametrize("name", registry.names())
def test_a_declaration_is_what_the_module_says(name):
    module, declared = registry.module(name), registry.declared(name)
    assert (declared.title, declared.reads) == (module.TITLE, module.READS)
    assert (declared.role, declared.labelled) == (module.ROLE, module.LABELLED)
    assert declared.needs_backbone == getattr(module, "NEEDS_BACKBONE", False)
    assert declared.revision == getattr(module, "REVISION", 1)
    assert declared.benchmark == getattr(module, "BENCHMARK", {})
    for part in ("Params", "Detector", "fit"):
        assert hasattr(module, part)


def test_constants_are_read_from_the_source(tmp_path):
    file = tmp_path / "brightness.py"
    file.write_text(SOURCE)
    assert declaration.read(file) == Declaration(
        "brightness", "Brightness", "Brightness: it is bright.\n\nMore.", ("frames",), "fit_all", False
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('READS = ("frames",)', 'READS = ("sound",)', "a tuple out of frames, objects, tracks, embeddings"),
        ('ROLE = "fit_all"', "", "declares ROLE too"),
    ],
)
def test_what_is_missing_or_unknown_is_said(tmp_path, old, new, message):
    file = tmp_path / "brightness.py"
    file.write_text(SOURCE.replace(old, new))
    with pytest.raises(ValueError, match=message):
        declaration.read(file)


def project(folder, monkeypatch, detectors):
    monkeypatch.chdir(folder)
    (folder / "params.yaml").write_text(f"detectors: {detectors}\n")


def test_a_switch_of_no_detector_is_refused(tmp_path, monkeypatch):
    project(tmp_path, monkeypatch, "{padim: true, padmi: true}")
    with pytest.raises(UserError, match=r"detectors\.padmi is not a detector; choose from gradcam, motion"):
        registry.switches()


def test_what_only_switched_off_detectors_read_is_not_made(tmp_path, monkeypatch):
    project(tmp_path, monkeypatch, "{padim: true, object_ae: true, objects: false}")
    assert registry.reading("objects") == ["object_ae"]
    assert registry.reading("tracks") == []


def test_what_declares_nothing_is_no_detector():
    assert {"fitted", "registry", "titles", "density"}.isdisjoint(registry.names())


@pytest.mark.parametrize("name", registry.names())
def test_every_fit_stands_aside_where_the_data_does_not_let_it(name):
    script = ROOT / "stages" / f"{wiring.detectors(ROOT)[name]['fit']}.py"
    assert f'@fitted.or_stands_aside("{name}")' in script.read_text()
