"""The setting `supersede`: the runs of which kinds of events a newer commit ends."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

__all__ = ["SUPERSEDED_KINDS", "Supersede", "superseded_kinds"]

SUPERSEDED_KINDS: Final = ("pull_request", "push")
"""Kinds that can be named. push: of a branch only."""
_NEVER: Final = {
    "tag": "each tag is built for itself",
    "schedule": "no commit made it",
    "image_push": "no commit made it",
    "manual": "a person wants it",
    "merge_group": "the host ends its groups itself",
}


def _check_kind(value: object) -> object:
    if value in SUPERSEDED_KINDS or not isinstance(value, str):
        return value
    why = (
        f"runs of {value} are never superseded, since {_NEVER[value]}"
        if value in _NEVER
        else f"{value[:40]} is no kind"
    )
    raise ValueError(f"{why}; accepted: {', '.join(SUPERSEDED_KINDS)}")


Supersede = Annotated[
    Annotated[
        list[Annotated[Literal["pull_request", "push"], BeforeValidator(_check_kind)]],
        Field(min_length=1),
        Tag("kinds"),
    ]
    | Annotated[bool, Tag("switch")],
    Discriminator(lambda value: "kinds" if isinstance(value, list) else "switch"),
]
"""true: requests. A list: these kinds."""


def superseded_kinds(value: "bool | list[Literal['pull_request', 'push']]") -> frozenset[str]:
    """The kinds that the setting names."""
    if isinstance(value, bool):
        return frozenset({"pull_request"} if value else ())
    return frozenset(value)
