"""Blocks of files that people write: what their models share."""

from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
)
from pydantic_core import core_schema

from documents.lines import check_line
from documents.quantities import check_cpu, check_memory
from documents.scalars import check_name, matching, parse_duration

__all__ = [
    "Block",
    "Cpu",
    "Duration",
    "Memory",
    "Name",
    "Once",
    "OneOrMore",
    "SecretKey",
    "Text",
    "Texts",
    "Url",
]


class Block(BaseModel):
    """A mapping of a file: unknown keys and loose types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Once:
    """Mark of a block that is made once for a mapping that stands at many places, as the settings of defaults do."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_wrap_validator_function(partial(_once, source), handler(source))


def _once(source: Any, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """The block of a mapping; `info.context` holds those that were made in this validation, if there is one."""
    if info.context is None:
        return handler(value)
    made = info.context.get((source, id(value)))
    if made is None:
        # Keeping the value keeps its id from being given to another one.
        made = info.context[source, id(value)] = (value, handler(value))
    return made[1]


class OneOrMore:
    """A list, for which one item alone may stand: branches: main is branches: [main]."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: value if isinstance(value, list) or value is None else [value],
            handler(source),
        )

    @staticmethod
    def __get_pydantic_json_schema__(
        schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = handler(schema)
        return {"anyOf": [found, found["items"]]}


Name = Annotated[str, AfterValidator(check_name)]

Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {"type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2}
    ),
]
"""Written as 90s, 20m, 1h30m or 7d; held as seconds."""

Cpu = Annotated[
    str,
    BeforeValidator(check_cpu),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": "^[0-9.]+m?$"}]}
    ),
]
"""CPUs, as 0.5 or 500m."""

Memory = Annotated[
    str,
    BeforeValidator(check_memory),
    WithJsonSchema({"type": "string", "pattern": "^[0-9.]+([KMGT]i|[kMGT])$"}),
]
"""Bytes, as 512Mi."""

SecretKey = Annotated[
    str,
    AfterValidator(
        matching(
            r"(?!\.\.|\.\Z)[A-Za-z0-9._-]{1,253}",
            "expected a key of a Secret: letters, digits and - _ ., not . and not .. at the start",
        )
    ),
]

Url = Annotated[
    str,
    Field(pattern=r"^https?://[^\s]+$", examples=["https://host.example.com"]),
    AfterValidator(check_line),
]

Text = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(check_line)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
"""A list of texts. The list is not strict, because a file gives a list and not a tuple; its texts are strict."""
