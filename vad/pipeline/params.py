"""params.yaml: read, validated section by section.

Every module that has parameters defines ``class Params(Section)`` beside the code that uses them; this module only
reads the file and turns what pydantic finds wrong into one line. Values live in params.yaml alone: a field without a
value there is an error, not a silent default.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import pydantic
import yaml

from vad.pipeline.errors import UserError
from vad.pipeline.naming import printable

Protocol = Literal["clean", "paper", "one_class"]
PARAMS_FILE = Path("params.yaml")
LONGEST = 1000  # characters of a text


class Section(pydantic.BaseModel):
    """A section of params.yaml: unknown keys are refused, values are immutable.

    Types are taken at their word (neither ``true`` nor ``"2"`` is a number), numbers are finite, no text is empty, and
    no list of names has one twice.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _sensible(cls, value: object, info: pydantic.ValidationInfo) -> object:
        assert info.field_name is not None  # a field's validator, not the section's
        if isinstance(value, bool) and "bool" not in str(cls.model_fields[info.field_name].annotation):
            raise ValueError("should not be true or false")  # Python's True is the 1 of a Literal
        texts = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
        for text in texts:
            if not text.strip():
                raise ValueError("should not be empty")
            if len(text) > LONGEST or not text.isprintable():
                raise ValueError(f"should be one line of at most {LONGEST} characters")
            if texts.count(text) > 1:
                raise ValueError(f"'{text}' is there twice")
        return value


class Common(Section):
    """The scalar keys at the top of params.yaml."""

    seed: int = pydantic.Field(ge=0, lt=2**31)
    protocol: Protocol


S = TypeVar("S", bound=Section)
# YAML 1.2, which DVC reads, knows 1e-3 as a number; PyYAML's 1.1 would take it for a text.
FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C it takes a tenth of the time


class _Loader(_SafeLoader):
    """PyYAML keeps the last of two equal keys; here they are an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


def read_file(path: Path = PARAMS_FILE) -> dict:
    """The whole file as a dictionary.

    Raises:
        UserError: the file is missing, cannot be read, is not YAML or is not a mapping.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: run from the project's root, or restore it with 'git checkout {path}'"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a text file ({error}); restore it with 'git checkout {path}'") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold 'key: value' pairs, found {type(values).__name__}")
    return values


def section(name: str, model: type[S], path: Path = PARAMS_FILE) -> S:
    """Section ``name`` of the file, validated as ``model``."""
    values = read_file(path)
    if name not in values:
        raise UserError(f"{path}: section '{name}' is missing; it has {', '.join(values)}")
    return validate(values[name], model, f"{path}: {name}")


def switches(path: Path = PARAMS_FILE) -> dict[str, bool]:
    """Section ``detectors``: by name whether it runs; ``vad.detectors.registry`` knows which there are.

    Raises:
        UserError: a switch is not true or false.
    """
    values = read_file(path).get("detectors")
    if not isinstance(values, dict):
        raise UserError(f"{path}: detectors must hold 'name: true' or 'name: false' for each, found {values!r}")
    for name, runs in values.items():
        if not isinstance(runs, bool):
            raise UserError(f"{path}: detectors.{name} = {runs!r}: should be true or false")
    return values


def common(path: Path = PARAMS_FILE) -> Common:
    """``seed`` and ``protocol``."""
    values = read_file(path)
    return validate({key: values[key] for key in Common.model_fields if key in values}, Common, str(path))


def validate(values: object, model: type[S], where: str, outdated: str | None = None) -> S:
    """``values`` as ``model``; the first thing wrong with them becomes one line that names the key and the way out.

    Args:
        outdated: the way out where ``values`` were written by the project itself, so that a key too few or too many
            tells of another revision.
    """
    if not isinstance(values, dict):
        raise UserError(f"{where} must hold 'key: value' pairs ({', '.join(model.model_fields)}), found {values!r}")
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        raise UserError(printable(_first_problem(error, model, where, outdated))) from None


def _first_problem(error: pydantic.ValidationError, model: type[Section], where: str, outdated: str | None) -> str:
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    separator = ": " if where.endswith(".yaml") else "."
    if outdated and problem["type"] in {"extra_forbidden", "missing"}:
        state = "missing" if problem["type"] == "missing" else "not known"
        return f"{where}{separator}{key} is {state}, it was written by another revision: {outdated}"
    if problem["type"] == "extra_forbidden":
        return f"{where}{separator}{key} is not a parameter; choose from {', '.join(model.model_fields)}"
    if problem["type"] == "missing":
        way_out = "restore it (git diff params.yaml shows what changed)" if "params.yaml" in where else "add it"
        return f"{where}{separator}{key} is missing; {way_out}"
    message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    found = repr(problem["input"])
    return f"{where}{separator}{key} = {found if len(found) <= 80 else found[:77] + '...'}: {message}"
