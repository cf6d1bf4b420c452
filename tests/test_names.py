import pytest

from vad import names
from vad.errors import UserError


def test_a_name_that_is_no_detector_is_refused_and_one_that_did_not_run_is_not():
    names.check(["padim", "fusion", "stae"], ["padim", "fusion"], "pictures.timeline")
    with pytest.raises(UserError, match=r"pictures\.timeline: there is no detector 'padmi'; choose from padim, fusion"):
        names.check(["padim", "padmi"], ["padim", "fusion"], "pictures.timeline")
