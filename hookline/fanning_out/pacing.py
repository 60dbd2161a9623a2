"""The pace of a fan-out, and the pauses between tries. Pure: the caller brings the time, in seconds of one clock."""

import random
from collections.abc import Callable

from sensors.fan_out import Pace

__all__ = ["Backoff", "Pacer"]

LONGEST_ASKED_SECONDS = 300.0
"""The longest pause that a server can ask for."""


class Pacer:
    """Keeps a pace: in any time of `every` seconds at most `at_once` runs are created."""

    def __init__(self, pace: Pace) -> None:
        """Begin with no run."""
        self._pace = pace
        self._held: dict[str, float] = {}
        """Run → the time until which it holds a place; infinite while its request is under way."""

    @property
    def bounded(self) -> bool:
        """Whether there is a pace to keep."""
        return self._pace.every > 0

    def may(self, run: str, now: float) -> bool:
        """Whether this run may be created now. A run whose earlier request had no answer holds its place already."""
        if not self.bounded:
            return True
        self._held = {each: until for each, until in self._held.items() if until > now}
        return len(self._held.keys() - {run}) < self._pace.at_once

    def asked(self, run: str) -> None:
        """The request for this run begins, so the run may be created at any moment from now on."""
        if self.bounded:
            self._held[run] = float("inf")

    def created(self, run: str, at: float) -> None:
        """The run was created at this time at the latest, or may have been."""
        if self.bounded:
            self._held[run] = at + self._pace.every

    def not_created(self, run: str) -> None:
        """The run was not created, so its place is free."""
        self._held.pop(run, None)

    def wait(self, now: float) -> float:
        """Seconds until the next batch: `every` after the last run of the one before."""
        return max(0.0, max(self._held.values(), default=now) - now)


class Backoff:
    """Pauses between tries of something that fails: each about twice as long as the one before, up to the longest."""

    def __init__(
        self, first_seconds: float, longest_seconds: float, chance: Callable[[], float] = random.random
    ) -> None:
        """Begin with the first pause; chance gives numbers from 0 to 1."""
        self._first = self._next = first_seconds
        self._longest = longest_seconds
        self._chance = chance

    def pause(self, asked_seconds: float | None) -> float:
        """The pause after a failure, in seconds. Chance decides half of it, so that many clients do not come back at the same moment.

        Args:
            asked_seconds: The least pause that the server asks for (Retry-After); None = it asks for none.
        """
        pause = self._next * (0.5 + self._chance() / 2)
        self._next = min(self._longest, self._next * 2)
        return max(pause, min(asked_seconds or 0.0, LONGEST_ASKED_SECONDS))

    def over(self) -> None:
        """A try succeeded: the next failure counts as the first."""
        self._next = self._first
