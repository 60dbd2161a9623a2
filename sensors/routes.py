"""Routes: one pipeline listening at one source. What the table of a program is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from events.canonical import Kind
from events.declaration import Events, ImagePush
from events.host import Host
from sensors.clauses import SETTINGS, clause_of, named_artifacts
from triggers.workflow import Workload

__all__ = ["BusSource", "Route", "ScheduledRoute", "entry", "rule"]


Suspended = Literal[True] | int | None
"""Whether no event starts a pipeline: True, or until which Unix second; None = events start it."""


@dataclass(frozen=True, slots=True)
class BusSource:
    """A source as the bus names it."""

    name: str
    """Name under `sources:`; the event name (CloudEvent subject)."""
    event_source: str
    """Name of the EventSource object (CloudEvent source)."""
    host: Host


@dataclass(frozen=True, slots=True)
class Route:
    """One pipeline listening at one source."""

    source: BusSource
    key: str
    """Repository or image, as the program's `key` spells it."""
    events: Events
    kinds: frozenset[Kind]
    """The kinds of `events` that this source sends."""
    workload: Workload
    suspended: Suspended = None

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.workload.pipeline


@dataclass(frozen=True, slots=True)
class ScheduledRoute:
    """One pipeline with a calendar event of its own: there is nothing left to decide."""

    event_source: str
    event_name: str
    workload: Workload
    arguments: Mapping[str, str]
    """Of its runs, over the pipeline's."""
    suspended: Suspended = None

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.workload.pipeline


def rule(
    events: Events, kind: Kind, arguments: Mapping[str, str], suspended: Suspended = None
) -> dict[str, Any]:
    """The entry of a table for one kind of event; decide.jq reads its keys.

    Raises:
        LookupError: The declaration has a field that no clause reads.
    """
    declared = getattr(events, kind)
    parts: dict[str, Any] = {
        name: clause_of(kind, name).encode(getattr(declared, name))
        for name in type(declared).model_fields
        if name not in SETTINGS.get(kind, ())
    }
    if isinstance(declared, ImagePush):
        parts["artifacts"] = named_artifacts(declared.tags)
    if arguments:
        parts["arguments"] = dict(arguments)
    parts["suspended"] = suspended
    return {key: value for key, value in parts.items() if value is not None}


def entry(route: Route) -> dict[str, Any]:
    """One line of the table."""
    workload = route.workload
    implied = workload.arguments.get(workload.mutex_argument)
    found: dict[str, Any] = {
        "pipeline": workload.pipeline,
        "config": workload.config,
        "run": workload.settings,
        "arguments": dict(workload.arguments),
        "owner": workload.owner,
        "mutex": workload.mutex if workload.mutex != implied else None,
    }
    for kind in sorted(route.kinds):
        found[kind] = rule(route.events, kind, workload.kind_arguments.get(kind, {}), route.suspended)
    if "image_push" in route.kinds:
        # The event is about another thing than the repository that is built.
        found["repository"] = workload.repository
    return {key: value for key, value in found.items() if value is not None}
