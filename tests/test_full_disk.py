"""What ``make faults`` writes on a full disk it can write on one with room: else it would try something else."""

import pytest

from tests.faults import full


@pytest.mark.parametrize("name", full.WRITERS)
def test_what_is_tried_on_a_full_disk_writes_more_than_it_has(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    full.WRITERS[name]()
    assert 3 * sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) > 2 << 20
