import pandas as pd

from vad.visualization.timelines import pages


def test_pages_in_name_order() -> None:
    table = pd.DataFrame({"detector": ["a", "a", "a", "b"], "clip": ["c", "a", "b", "z"]})
    assert pages(table, ["a"], dict.fromkeys("abcz", 25.0), 2) == [["a", "b"], ["c"]]
