"""Blocks of files that people write: what their models share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from documents.scalars import check_name, parse_duration

__all__ = ["Block", "Duration", "Name", "Text", "Texts"]


class Block(BaseModel):
    """A mapping of a file: unknown keys and loose types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


Name = Annotated[str, AfterValidator(check_name)]

Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {"type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2}
    ),
]
"""Written as 90s, 20m, 1h30m or 7d; held as seconds."""

Text = Annotated[str, Field(min_length=1, max_length=1024)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
"""A list of texts. The list is not strict, because a file gives a list and not a tuple; its texts are strict."""
