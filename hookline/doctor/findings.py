"""Findings: what a check says about one hop."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "State", "broken", "ok", "unchecked", "warning", "worst"]

State = Literal["ok", "warning", "broken", "not checked"]

_ORDER: tuple[State, ...] = ("broken", "not checked", "warning", "ok")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found."""

    state: State
    says: str
    """One or two sentences."""
    commands: tuple[str, ...] = ()
    """Shell commands that mend it, in their order; empty where none can be named."""


def ok(says: str) -> Finding:
    """The hop works."""
    return Finding("ok", says)


def warning(says: str, *commands: str) -> Finding:
    """The hop works, and something will surprise."""
    return Finding("warning", says, commands)


def broken(says: str, *commands: str) -> Finding:
    """Events stop here, or will."""
    return Finding("broken", says, commands)


def unchecked(why: str) -> Finding:
    """Nothing can be said, and why not."""
    return Finding("not checked", why)


def worst(findings: Iterable[Finding]) -> State:
    """The state of a hop with these findings: one part that could not be checked outweighs a warning."""
    return min((each.state for each in findings), key=_ORDER.index, default="not checked")
