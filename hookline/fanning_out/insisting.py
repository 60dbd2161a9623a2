"""Requests that are repeated until they are answered. The log says when a trouble begins and when it is over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from apiserver.connection import Refused
from apiserver.troubles import Troubles
from hookline.fanning_out.asking import Trouble, trouble_of
from hookline.fanning_out.crew import Crew
from hookline.fanning_out.pacing import Backoff

__all__ = ["Insisting", "Timing"]

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits of a fan-out, in seconds."""

    first_pause: float = 0.5
    longest_pause: float = 30.0
    """The longest pause between two tries of a request without an answer."""
    round_pause: float = 30.0
    """The pause before refused runs are tried again."""
    rounds: int = 20
    """The number of further tries of a refused run, after all others are done."""
    rights_rounds: int = 2
    """The same, where every refusal is a missing right."""


class Insisting:
    """Repeats requests, and logs each change of their troubles once."""

    def __init__(self, crew: Crew, timing: Timing) -> None:
        """Ask by this crew, with pauses of this timing."""
        self.crew, self.timing = crew, timing
        self._troubles = Troubles()
        self._backoffs: dict[tuple[str, str, str], Backoff] = {}
        """By verb, resource and namespace: an answer to one kind of request says nothing about another kind."""

    def until_answered(self, verb: str, resource: str, namespace: str, ask: Callable[[], Found]) -> Found:
        """The answer to one question, however long it takes.

        Raises:
            Stopped: Before there is one.
            Refused: The same request would be refused again.
            UnknownKind: The cluster has no Workflows.
        """
        while True:
            found = self.crew.one(lambda: trouble_of(ask))
            if not isinstance(found, Trouble):
                self.bear(verb, resource, namespace, None)
                return found
            self.bear(verb, resource, namespace, found)

    def bear(
        self, verb: str, resource: str, namespace: str, trouble: Trouble | None, *, some: bool = False
    ) -> None:
        """Pause after a trouble; None = there was none.

        Args:
            verb: Of the requests.
            resource: Of the requests.
            namespace: Of the requests; empty = of several.
            trouble: The last one.
            some: Whether other requests of the same kind were answered, so that the pauses begin anew.

        Raises:
            Stopped: The process was asked to end.
        """
        new = Backoff(self.timing.first_pause, self.timing.longest_pause)
        backoff = self._backoffs.setdefault((verb, resource, namespace), new)
        if trouble is None or some:
            backoff.over()
        if trouble is None:
            self._troubles.answered(verb, resource, namespace)
            return
        self._troubles.failed(verb, resource, namespace, trouble)
        asked = trouble.retry_after if isinstance(trouble, Refused) else None
        self.crew.pause(backoff.pause(asked))
