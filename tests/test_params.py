"""params.yaml: every mistake is one line that names the key and the way out."""

import pydantic
import pytest

from vad.pipeline import params
from vad.pipeline.errors import UserError


class Toy(params.Section):
    """A section as detectors declare them."""

    size: int = pydantic.Field(ge=1, le=8)
    name: str


def write(folder, text):
    path = folder / "params.yaml"
    path.write_text(text)
    return path


def test_values_come_from_the_file(tmp_path):
    path = write(tmp_path, "seed: 3\nprotocol: clean\ntoy: {size: 2, name: a}\n")
    assert params.section("toy", Toy, path) == Toy(size=2, name="a")
    assert params.common(path).seed == 3


@pytest.mark.parametrize(
    ("toy", "line"),
    [
        ("{size: 0, name: a}", r"toy\.size = 0: should be greater than or equal to 1"),
        ("{size: two, name: a}", r"toy\.size = 'two': should be a valid integer"),
        ("{size: 2, name: a, sise: 3}", r"toy\.sise is not a parameter; choose from size, name"),
        ("{size: 2}", r"toy\.name is missing"),
    ],
)
def test_a_wrong_value_names_its_key(tmp_path, toy, line):
    path = write(tmp_path, f"toy: {toy}\n")
    with pytest.raises(UserError, match=line) as caught:
        params.section("toy", Toy, path)
    assert "\n" not in str(caught.value)


def test_a_missing_section_lists_those_there(tmp_path):
    with pytest.raises(UserError, match="section 'toy' is missing; it has seed"):
        params.section("toy", Toy, write(tmp_path, "seed: 1\n"))


def test_an_unknown_protocol_lists_the_valid_ones(tmp_path):
    with pytest.raises(UserError, match="protocol = 'honest': should be 'clean', 'paper' or 'one_class'"):
        params.common(write(tmp_path, "seed: 1\nprotocol: honest\n"))


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [", "not valid YAML"), ("a: 1\na: 2", "'a' is there twice"), ("[1, 2]", "'key: value' pairs")],
)
def test_a_broken_file_is_one_line(tmp_path, text, line):
    with pytest.raises(UserError, match=line) as caught:
        params.read_file(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_get_it_back(tmp_path):
    with pytest.raises(UserError, match="git checkout"):
        params.read_file(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("detectors", "line"),
    [
        ("{padim: ja}", r"detectors\.padim = 'ja': should be true or false"),
        ("[padim]", r"detectors must hold 'name: true' or 'name: false'"),
    ],
)
def test_switches_name_detectors_and_are_true_or_false(tmp_path, detectors, line):
    assert params.switches(write(tmp_path, "detectors: {padim: true, stae: false}\n")) == {"padim": True, "stae": False}
    with pytest.raises(UserError, match=line):
        params.switches(write(tmp_path, f"detectors: {detectors}\n"))
