"""Arrivals: the messages of the bus as events, each with what the pipelines made of it."""

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bus.names import subject
from bus.stream import Message
from events.canonical import summary
from events.delivery import BusEvent, DeliveryError
from events.event_files import bus_message, searchable
from hookline.answers.simulation import Result, simulate
from hookline.plan.planning import Plan
from sensors.program import reader
from triggers.words import PREFIX

__all__ = ["Arrival", "Decided", "arrival", "is_meant", "only", "read_event", "subjects"]

_LONG = ("files", "also")
"""Fields of a canonical event that may be thousands of lines."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision of the program about an event for one pipeline, without the Workflow itself."""

    pipeline: str
    namespace: str
    verdict: str
    reason: str
    run: str | None
    """Name of the Workflow; None unless it starts one."""
    identity: str | None
    """The label `hookline.dev/event` of the Workflow: the same for every delivery of the event, whatever the configuration."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message of the bus."""

    sequence: int
    time: datetime.datetime
    """When the bus stored it, by the bus's clock."""
    source: str
    """hookline's source, or the event of a schedule."""
    event: Mapping[str, Any]
    """The canonical event without long lists; empty if nobody can read the message."""
    event_id: str
    """Of the CloudEvent."""
    decided: tuple[Decided, ...]
    """The pipelines that the event is about."""
    trouble: str = ""
    """Why the message cannot be read."""

    @property
    def summary(self) -> str:
        """One line that names it for a person."""
        if self.trouble:
            return f"unreadable: {self.trouble}"
        found = summary(dict(self.event))
        return f"{found}  {self.source}" if self.event.get("kind") == "schedule" else found

    @property
    def reason(self) -> str:
        """The reason where the event is about no pipeline."""
        if self.trouble:
            return "PAYLOAD"
        return "EVENT" if self.event.get("kind") in ("ping", "other") else "REPOSITORY"


def subjects(plan: Plan) -> tuple[str, ...]:
    """The subjects of a declaration's events: all of its event sources, also names that earlier declarations had."""
    sources = {each.event_source for each in plan.received} | plan.calendars.keys()
    return tuple(subject(each, "*") for each in sorted(sources))


def read_event(message: Message) -> BusEvent:
    """The event in a message.

    Raises:
        DeliveryError: The message holds none.
    """
    return bus_message(message.data)


def arrival(plan: Plan, message: Message) -> Arrival:
    """A message with the answers of the pipelines, by the programs that their Sensors run."""
    try:
        event = read_event(message)
    except DeliveryError as error:
        name = message.subject.rpartition(".")[2]
        return Arrival(message.sequence, message.time, name, {}, "", (), str(error))
    found = simulate(plan, event)
    shown = {name: value for name, value in found.event.items() if name not in _LONG}
    return Arrival(
        message.sequence,
        message.time,
        event.event_name,
        shown,
        event.context.get("id", ""),
        tuple(decided(each) for each in found.results),
    )


def decided(result: Result) -> Decided:
    """The answer of a pipeline in few words."""
    metadata = result.workflow["metadata"] if result.workflow is not None else None
    return Decided(
        result.pipeline,
        result.namespace,
        result.verdict,
        result.reason,
        metadata["name"] if metadata else None,
        metadata["labels"][f"{PREFIX}event"] if metadata else None,
    )


def only(found: Arrival, pipelines: Collection[str], repositories: Collection[str]) -> Arrival | None:
    """The part of an arrival that is about these pipelines and repositories; None if nothing of it is.

    Args:
        found: The arrival.
        pipelines: Names; empty = all.
        repositories: Repositories or images, in lower case; empty = all.
    """
    image = found.event.get("image") or {}
    about = {str(each).lower() for each in (found.event.get("repository"), image.get("name")) if each}
    if repositories and about.isdisjoint(repositories):
        return None
    if not pipelines:
        return found
    chosen = tuple(each for each in found.decided if each.pipeline in pipelines)
    return replace(found, decided=chosen) if chosen else None


def is_meant(plan: Plan, message: Message, wanted: str) -> bool:
    """Whether a message is the event that somebody names.

    Args:
        plan: Whose sources read it.
        message: Of the bus.
        wanted: The id of the delivery or of the CloudEvent, or a commit: at least its first seven digits.
    """
    # A search of the bytes costs a hundredth of reading the event.
    if wanted.encode() not in searchable(message.data):
        return False
    try:
        event = read_event(message)
    except DeliveryError:
        return False
    if event.context.get("id") == wanted:
        return True
    endpoint = plan.endpoints.get(event.event_name)
    if endpoint is None or endpoint.event_source != event.event_source:
        return False
    return any(_named(each, wanted) for each in reader(endpoint.host, endpoint.name).pushes(event.text()))


def _named(event: Mapping[str, Any], wanted: str) -> bool:
    image = event.get("image") or {}
    commits: Iterable[Any] = (event.get("sha"), image.get("digest"))
    if event.get("delivery") == wanted:
        return True
    return len(wanted) >= 7 and any(isinstance(each, str) and each.startswith(wanted) for each in commits)
