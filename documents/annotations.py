"""Annotations: which fields and types a model accepts at a place of the file."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from documents.locating import Located, Path

__all__ = ["accepted_keys", "annotations", "example", "is_model", "members"]


def members(annotation: Any) -> Iterator[Any]:
    """The members of a union, at any depth; of anything else, itself."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from members(typing.get_args(annotation)[0])
    elif origin in {typing.Union, types.UnionType}:
        for each in typing.get_args(annotation):
            yield from members(each)
    elif hasattr(annotation, "__value__"):
        yield from members(annotation.__value__)
    elif (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and "root" in annotation.model_fields
    ):
        yield from members(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def is_model(annotation: Any) -> typing.TypeGuard[type[BaseModel]]:
    """Whether an annotation is a model: a mapping with known keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _aliases(name: str, info: FieldInfo) -> list[str]:
    """Names of a field in a file."""
    alias = info.validation_alias or info.alias
    if isinstance(alias, AliasChoices):
        return [each for each in alias.choices if isinstance(each, str)] or [name]
    return [alias] if isinstance(alias, str) else [name]


def _fields(annotation: Any, part: str | int) -> Iterator[FieldInfo]:
    if is_model(annotation):
        for name, info in annotation.model_fields.items():
            if part == name or part in _aliases(name, info):
                yield info


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    """The annotations of the value under a key or an index."""
    for info in _fields(annotation, part):
        yield from members(info.annotation)
    if is_model(annotation):
        return
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if isinstance(part, int) and origin is tuple and arguments[-1:] != (...,):
        arguments = arguments[part : part + 1]
    if not arguments or not isinstance(origin, type):
        return
    if isinstance(part, str) and issubclass(origin, Mapping):
        yield from members(arguments[-1])
    elif isinstance(part, int) and not issubclass(origin, Mapping):
        yield from members(arguments[0])
    elif isinstance(part, str):
        # A mapping that stands for a list of one.
        for each in members(arguments[0]):
            yield from _below(each, part)


def annotations(model: type[BaseModel], path: Path) -> list[Any]:
    """The annotations that may stand at a path, each member of a union by itself."""
    found = list(members(model))
    for part in path:
        found = [below for each in found for below in _below(each, part)]
    return found


def accepted_keys(model: type[BaseModel], found: Located) -> list[str]:
    """The keys that are accepted in place of an unknown one, in the order of the model."""
    above = annotations(model, found.path[:-1])
    # A mapping may stand for a list of one.
    above += [item for each in above if typing.get_origin(each) is list for item in typing.get_args(each)]
    models = [each for each in above if is_model(each)]
    tried = [
        each
        for each in models
        if any(re.search(rf"\b{each.__name__}\b", str(part)) for part in found.location)
    ]
    keys = (
        key
        for each in tried or models
        for name, info in each.model_fields.items()
        for key in _aliases(name, info)
    )
    return list(dict.fromkeys(keys))


def example(model: type[BaseModel], path: Path) -> str | None:
    """The first example that the field at a path documents."""
    for each in annotations(model, path[:-1]):
        for info in _fields(each, path[-1]):
            if info.examples and isinstance(info.examples[0], str):
                return info.examples[0]
    return None
