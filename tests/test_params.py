"""params.yaml: every mistake is one line that names the key and the way out."""

import importlib
import pkgutil
from pathlib import Path

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vad
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


def sections() -> list[tuple[str, type[params.Section]]]:
    """Every section of params.yaml with its model."""
    found = [pkg.name for pkg in pkgutil.walk_packages(vad.__path__, "vad.")]
    models = {cls for name in found for cls in vars(importlib.import_module(name)).values() if _is_section(cls)}
    by_keys = {frozenset(model.model_fields): model for model in models}
    return [
        (name, by_keys[frozenset(values)])
        for name, values in SHIPPED.items()
        if isinstance(values, dict) and name != "detectors"
    ]


def _is_section(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, params.Section) and cls is not params.Section


SHIPPED = params.read_file(Path(__file__).parents[1] / "params.yaml")
SECTIONS = sections()
NUMBERS = [
    (name, model, key) for name, model in SECTIONS for key, value in SHIPPED[name].items()
    if isinstance(value, int | float) and not isinstance(value, bool)
]  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def test_what_ships_is_valid():
    assert len(SECTIONS) >= 25
    for name, model in SECTIONS:
        params.validate(SHIPPED[name], model, name)


def test_every_list_in_yaml_has_a_field_that_takes_lists():
    """Strict types refuse a list for a tuple."""
    fields = {f"{n}.{k}": str(f.annotation) for n, m in SECTIONS for k, f in m.model_fields.items()}
    assert [name for name, annotation in fields.items() if "tuple[" in annotation] == []


@pytest.mark.parametrize("value", [True, "2", float("inf"), float("nan"), 1e30, -1e30, 10**400, "", [], {}])
def test_no_number_takes_what_is_no_sensible_number(value):
    taken = [f"{name}.{key}" for name, model, key in NUMBERS if _accepts(model, SHIPPED[name] | {key: value}, name)]
    assert taken == []


def _accepts(model, values, name) -> bool:
    try:
        params.validate(values, model, name)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "\0", "x" * 5000])
def test_no_text_is_empty_or_several_lines(value):
    texts = [(n, m, k) for n, m in SECTIONS for k, v in SHIPPED[n].items() if isinstance(v, str) or v is None]
    assert [f"{n}.{k}" for n, m, k in texts if _accepts(m, SHIPPED[n] | {k: value}, n)] == []


def test_no_list_of_names_has_one_twice():
    lists = [(n, m, k) for n, m in SECTIONS for k, v in SHIPPED[n].items() if isinstance(v, list) and v]
    doubled = [
        f"{n}.{k}" for n, m, k in lists if isinstance(SHIPPED[n][k][0], str)
        and _accepts(m, SHIPPED[n] | {k: [*SHIPPED[n][k], SHIPPED[n][k][0]]}, n)
    ]  # fmt: skip
    assert doubled == []


def test_numbers_in_yaml_are_those_that_dvc_reads(tmp_path):
    assert params.read_file(write(tmp_path, "a: 1e-3\nb: 2E5\nc: 1.0e-4\nd: e3\n")) == {
        "a": 0.001, "b": 2e5, "c": 1e-4, "d": "e3"
    }  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SECTIONS), st.data(), anything)
def test_any_value_is_taken_or_refused_in_one_line(section, data, value):
    name, model = section
    key = data.draw(st.sampled_from(sorted(model.model_fields)) | st.text(max_size=5))
    try:
        params.validate(SHIPPED[name] | {key: value}, model, f"params.yaml: {name}")
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(alphabet=":{}[]&*!|>-#%@`'\"\\ \n\tab019.e_", max_size=60).map(str.encode))
def test_any_file_is_read_or_refused_in_one_line(tmp_path, content):
    (tmp_path / "params.yaml").write_bytes(content)
    try:
        params.read_file(tmp_path / "params.yaml")
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_a_deep_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="not valid YAML"):
        params.read_file(write(tmp_path, "a: " + "[" * 20000))
