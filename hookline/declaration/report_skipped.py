"""The setting `report_skipped`: whether a request's commit is told of the pipelines that start nothing for it."""

from typing import Annotated, Final

from pydantic import AfterValidator, Discriminator, Tag

__all__ = ["REPORTED_REASONS", "ReportSkipped", "reported_reasons"]

REPORTED_REASONS: Final = ("EVENT", "SUSPENDED", "FORKS", "INTO", "AUTHORS", "SKIP_MARKERS", "PATHS")
"""Reasons of a skip that are told as success, in the order of the clauses: what the declaration wants, and nobody need do anything about."""


def _check_some(value: list[str]) -> list[str]:
    if not value:
        raise ValueError(f"expected true, false, or some of {', '.join(REPORTED_REASONS)}")
    return value


def _check_reason(value: str) -> str:
    if value not in REPORTED_REASONS:
        raise ValueError(f"{value[:40]} is not told as skipped; accepted: {', '.join(REPORTED_REASONS)}")
    return value


ReportSkipped = Annotated[
    Annotated[
        list[Annotated[str, AfterValidator(_check_reason)]], AfterValidator(_check_some), Tag("reasons")
    ]
    | Annotated[bool, Tag("switch")],
    Discriminator(lambda value: "reasons" if isinstance(value, list) else "switch"),
]
"""true: every reason, and FORKS of foreign code only where another pipeline takes it. A list: these reasons."""


def reported_reasons(general: "bool | list[str]", own: bool | None) -> "bool | frozenset[str]":
    """Whether one pipeline tells anything, or the reasons alone that it tells as success.

    Args:
        general: Of the controller.
        own: Of the pipeline; None if it says nothing.
    """
    if own is False or (own is None and general is False):
        return False
    return frozenset(general) if isinstance(general, list) else True
