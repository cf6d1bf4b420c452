from vad.benchmark.costs import cost, costs
from vad.pipeline.results import Known

TIMINGS = {
    "fit@object_ae": Known(seconds=60.0, frames=3000, peak_mib=900),
    "extract_objects": Known(seconds=30.0, frames=1000, peak_mib=400),
    "score@object_ae": Known(seconds=4.0, frames=2000, peak_mib=700),
    "fit@padim": Known(seconds=9.0, frames=0, peak_mib=100),
}


def test_per_frame_cost_is_that_of_scoring_and_of_what_is_shared():
    own = cost("object_ae", TIMINGS)
    assert own == {
        "fit_seconds": 60.0, "fit_frames": 3000, "score_ms": 2.0, "shared_ms": 30.0, "ms": 32.0, "peak_mib": 900
    }  # fmt: skip


def test_what_was_not_recorded_is_unknown():
    own = cost("padim", TIMINGS)
    assert own == {
        "fit_seconds": 9.0, "fit_frames": None, "score_ms": None, "shared_ms": None, "ms": None, "peak_mib": 100
    }  # fmt: skip
    assert list(costs(["spade", "object_ae"], TIMINGS)) == ["object_ae"]
