"""Where in a YAML file a problem is: file, line and column."""

from collections.abc import Callable
from pathlib import Path

import yaml
from pydantic import ValidationError

__all__ = ["first_problem"]

Location = tuple[int | str, ...]


def first_problem(path: Path, text: str, error: ValidationError, known: Callable[[Location], str]) -> str:
    """The first problem of a file that is no model of its class, as `file:line:column: key: what is wrong`.

    Args:
        path: The file.
        text: What it holds.
        error: What pydantic says.
        known: The keys that are accepted at a place.
    """
    first = error.errors()[0]
    line, column = _position(text, first["loc"])
    key = ".".join(str(each) for each in first["loc"]) or "the file"
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        problem = f"unknown key; known are {known(first['loc'])}"
    return f"{path}:{line}:{column}: {key}: {problem}"


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
