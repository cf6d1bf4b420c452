"""What dvc.yaml says of the stages, as DVC itself reads them."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from vad.pipeline import wiring
from vad.pipeline.errors import UserError

ROOT = Path(__file__).parent.parent


def test_the_stages_are_those_that_dvc_knows_with_what_they_read_and_make():
    own = {stage.name: stage for stage in wiring.stages(ROOT, {"data.root": "data/campus-sim"})}
    with Repo(ROOT) as repo:
        theirs = {stage.addressing: stage for stage in repo.index.stages if stage.is_data_source is False}
        assert own.keys() == {str(address) for address in theirs}
        for address, stage in theirs.items():
            assert " ".join(("python", "-m", *own[address].command)) == stage.cmd
            deps = {dep.fs_path for dep in stage.deps if "params" not in dep.hash_name}
            assert {str(ROOT / dep) for dep in own[address].deps} == deps
            assert {str(ROOT / out) for out in own[address].outs} == {out.fs_path for out in stage.outs}


def test_each_comes_after_those_whose_outputs_it_reads():
    names = [stage.name for stage in wiring.stages(ROOT)]
    assert names.index("simulate") < names.index("fit@padim") < names.index("score@padim") < names.index("fuse")
    fits, scores = ([i for i, name in enumerate(names) if name.startswith(kind)] for kind in ("fit@", "score@"))
    assert len(fits) == len(scores) == len(wiring.detectors(ROOT))


@pytest.mark.parametrize("command", ["echo yes", "make", "python -m"])
def test_another_command_than_a_module_is_refused(tmp_path, command):
    (tmp_path / "dvc.yaml").write_text(f"stages: {{say: {{cmd: {command}, deps: [], outs: [data/a]}}}}")
    with pytest.raises(UserError, match=rf"dvc.yaml: stage say is no 'python -m <module>': {command}"):
        wiring.stages(tmp_path)
