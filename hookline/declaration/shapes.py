"""Shapes: how the keys of a pipeline are put over those of a default. They follow from the models."""

import typing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

from documents.annotations import is_model, members
from events.declaration import Selection

if typing.TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Shape", "shape_of"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The values that may stand at one place of a pipeline, as far as merging asks."""

    merges: bool = False
    """Whether a mapping is put over the default's key by key. Everything else replaces it."""
    keys: "Mapping[str, Shape]" = field(default_factory=dict)
    every: "Shape | None" = None
    """The shape under any key, where the keys are the user's own."""
    listed: bool = False
    """Whether a list of such mappings may stand in place of one; the default completes each of them."""
    holds_false: bool = False
    """Whether false is a value here; else it removes a default."""
    model: type[BaseModel] | None = None

    def child(self, key: str) -> "Shape | None":
        """The shape under a key; None for a key that is not accepted."""
        return self.keys.get(key, self.every)


@lru_cache(maxsize=64)
def shape_of(model: type[BaseModel]) -> Shape:
    """The shape of a model's mapping."""
    keys = {
        info.alias or name: _shape(info.annotation)
        for name, info in model.model_fields.items()
        if name != "for_each"
    }
    return Shape(merges=True, keys=keys, model=model)


def _shape(annotation: Any) -> Shape:
    possible = list(members(annotation))
    holds_false = any(
        each is bool or (typing.get_origin(each) is Literal and False in typing.get_args(each))
        for each in possible
    )
    for each in possible:
        if typing.get_origin(each) is list and is_model(item := typing.get_args(each)[0]):
            found = shape_of(item)
            return Shape(merges=True, keys=found.keys, listed=True, model=item)
        # A selection is one decision: parts of two would choose what nobody wrote.
        if is_model(each) and not issubclass(each, Selection):
            found = shape_of(each)
            return Shape(merges=True, keys=found.keys, holds_false=holds_false, model=each)
        if typing.get_origin(each) is dict:
            return Shape(merges=True, every=_shape(typing.get_args(each)[1]), holds_false=holds_false)
    return Shape(holds_false=holds_false)
