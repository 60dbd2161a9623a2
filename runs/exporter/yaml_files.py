"""A user's YAML file, read into its model; what is wrong is told with file, line and column."""

import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

__all__ = ["read_model"]

Location = tuple[int | str, ...]
Model = TypeVar("Model", bound=BaseModel)


def read_model(path: Path, model: type[Model], refusal: type[ValueError]) -> Model:
    """The file as a model; an empty file is an empty mapping.

    Args:
        path: The file.
        model: What it should be.
        refusal: Raised with one sentence where it is not.

    Raises:
        ValueError: The refusal: the file cannot be read, is no YAML, or has wrong or unknown keys.
    """
    try:
        text = path.read_text("utf-8")
        return model.model_validate(yaml.safe_load(text) or {})
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise refusal(f"{where}: {error.problem}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise refusal(f"{path}: {error}") from error
    except ValidationError as error:
        raise refusal(_first_problem(path, text, error, model)) from error


def _first_problem(path: Path, text: str, error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    line, column = _position(text, first["loc"])
    key = ".".join(str(each) for each in first["loc"]) or "the file"
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        problem = f"unknown key; known are {', '.join(_model_at(model, first['loc'][:-1]).model_fields)}"
    return f"{path}:{line}:{column}: {key}: {problem}"


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel]:
    """The model of the mapping at a place."""
    for step in location:
        # A step that is no field is a name or an index within the field before it.
        field = model.model_fields.get(str(step))
        found = None if field is None else _model_in(field.annotation)
        model = model if found is None else found
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)


def _position(text: str, location: Location) -> tuple[int, int]:
    """Line and column of a key, both from 1."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    mark = node.start_mark if node is not None else None
    for step in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == step), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            break
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
