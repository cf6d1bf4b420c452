import numpy as np

from vad.protocol.cross_fitting import deal_clips


def test_clips_stay_whole_and_the_abnormal_ones_are_spread():
    clips = np.repeat(["a", "b", "c", "d"], 4)
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1])
    # Shares: a 0, b 1, c 0.25, d 0.5: dealt b, d, c, a.
    np.testing.assert_array_equal(deal_clips(labels, clips, 2), np.repeat([1, 0, 0, 1], 4))
