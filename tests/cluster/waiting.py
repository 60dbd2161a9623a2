"""Waiting for conditions: tests never sleep for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE", "NotYet", "until"]

PATIENCE = 300.0
"""Seconds: more than anything takes here on a machine that is busy with other work."""

T = TypeVar("T")


class NotYet(AssertionError):
    """A condition did not come true in time."""


def until(condition: Callable[[], T | None], what: str, seconds: float = PATIENCE, pause: float = 0.05) -> T:
    """Ask until the answer is true, and return it.

    Args:
        condition: Asked again and again.
        what: For the message when it does not come true: "the Sensor is running".
        seconds: The limit; a long one costs nothing when the condition comes true early.
        pause: Between two questions.

    Raises:
        NotYet: The limit was reached; says the last answer.
    """
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise NotYet(f"not within {seconds:g} s: {what}; last answer: {answer!r}")
        time.sleep(pause)
