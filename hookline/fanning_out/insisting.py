"""Asking until there is an answer: what passes is tried again, and told in the log when it begins and when it is over."""

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
    """Between two tries of what the API server does not answer."""
    round_pause: float = 30.0
    """Between two tries of what it refuses."""
    rounds: int = 20
    """How often a refused run is tried again, after all others are done."""
    rights_rounds: int = 2
    """The same, where nothing is missing but a right."""


class Insisting:
    """Requests whose troubles are told of once for each change."""

    def __init__(self, crew: Crew, timing: Timing) -> None:
        """Ask by this crew, with pauses of this timing."""
        self.crew, self.timing = crew, timing
        self._troubles = Troubles()
        self._backoffs: dict[tuple[str, str, str], Backoff] = {}
        """By verb, resource and namespace: what is answered says nothing of what is not."""

    def until_answered(self, verb: str, resource: str, namespace: str, ask: Callable[[], Found]) -> Found:
        """The answer to one question, however long it takes.

        Raises:
            Stopped: Before there is one.
            Refused: It will be refused in a moment, too.
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
            some: Whether other requests of the same kind were answered, so that the API server is there.

        Raises:
            Stopped: Somebody asked this process to end.
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
