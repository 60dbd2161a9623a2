"""Locating: pydantic's errors, with their place in the file in place of their place in the schema."""

import itertools
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema

from documents.document import Document

__all__ = ["KINDS", "Located", "Path", "located"]

Path = tuple[str | int, ...]
KINDS = set(typing.get_args(core_schema.ErrorType))
"""Kinds of errors that pydantic itself reports; every other kind comes from a check of a model."""


@dataclass(frozen=True, slots=True)
class Located:
    """One of pydantic's errors."""

    path: Path
    at_key: bool
    unions: frozenset[Path]
    """Places in the path at which pydantic tried one member of a union."""
    kind: str
    given: Any
    context: Mapping[str, Any]
    sentence: str
    location: Path


def _routes(data: Any, location: Path) -> Iterator[tuple[Path, frozenset[Path], Any]]:
    """The ways to read a location of pydantic as a path: a location names members of unions, and a file does not."""
    if not location:
        yield (), frozenset(), data
        return
    part, rest = location[0], location[1:]
    in_list = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
    if in_list or (isinstance(data, dict) and part in data):
        for path, unions, end in _routes(data[part], rest):
            yield (part, *path), frozenset((part, *union) for union in unions), end
    if isinstance(part, str):
        for path, unions, end in _routes(data, rest):
            yield path, unions | {()}, end
    elif part == 0 and not isinstance(data, list):
        # A value that stands for a list of one is its own first item.
        yield from _routes(data, rest)


_MOST_ROUTES = 64


def located(document: Document, error: Any) -> Located:
    """One of pydantic's errors (an item of `ValidationError.errors()`), located in the file that it is about."""
    location, kind, given = tuple(error["loc"]), error["type"], error["input"]
    context = error.get("ctx") or {}
    walked, at_key = location, kind == "extra_forbidden"
    for index, part in enumerate(location):
        if part == "[key]" and index and location[index - 1] == given:
            walked, at_key = location[:index], True
    if kind == "missing":
        walked = location[:-1]
    routes = list(itertools.islice(_routes(document.data, walked), _MOST_ROUTES)) or [
        ((), frozenset[Path](), None)
    ]
    # The value that pydantic was given tells a key of the file from a union's member of the same name.
    path, unions, _ = next((route for route in routes if route[2] is given), routes[0])
    if kind == "missing":
        path = (*path, location[-1])
    if kind == "union_tag_not_found" or (
        kind == "union_tag_invalid" and str(context["discriminator"])[:1] == "'"
    ):
        path = (*path, str(context["discriminator"]).strip("'"))
    elif kind not in KINDS and isinstance(below := context.get("path"), list | tuple | str):
        path = (*path, below) if isinstance(below, str) else (*path, *below)
    sentence = str(context["error"]) if kind == "value_error" and "error" in context else error["msg"]
    # A check of a whole mapping names the key that it is about; then that is the place to show.
    key, colon, rest = sentence.partition(": ")
    if kind == "value_error" and colon and not at_key and isinstance(given, dict) and key in given:
        path, sentence = (*path, key), rest
    return Located(path, at_key, unions, kind, given, context, sentence, location)
