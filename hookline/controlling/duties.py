"""Duties that are told of the bus, and what they are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bus.stream import Message
from events.delivery import BusEvent
from hookline.answers.simulation import Result
from hookline.plan.planning import Plan
from runs.controller.duty import Hands

__all__ = ["Arrival", "BusDuty", "MakeDuty"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message of the bus, with what the declaration makes of it."""

    message: Message
    """Its place, its time by the bus's clock, its subject."""
    delivery: BusEvent
    """The event with its payload, as it stands on the bus."""
    event: Mapping[str, Any]
    """The canonical event: kind, repository, sha and so on."""
    results: tuple[Result, ...]
    """The answers of the pipelines that the event is about, those that start a run and those that do not."""


class BusDuty(Protocol):
    """Is told of each message once in the life of this instance, in the order of the bus. One thread calls it."""

    @property
    def name(self) -> str:
        """For the log and the metrics."""

    def arrived(self, arrival: Arrival) -> None:
        """A message. Those of the last hour are given again after each start, so that acting twice must do no harm."""

    def looked(self, now: float) -> None:
        """Every message of this round was given; Unix seconds. Called about once a second while the bus answers."""


MakeDuty = Callable[[Plan, Hands], BusDuty]
"""Makes a duty that has seen nothing yet, when this instance begins to lead."""
