"""Routes: one pipeline listening at one source. What the table of a program is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from documents.globs import expression
from events.canonical import Kind
from events.declaration import Events, ImagePush, Paths, PullRequest, Push, Selection, Tag_, included
from events.host import Host
from triggers.workflow import MUTEX_ARGUMENT, Workload

__all__ = ["BusSource", "Route", "ScheduledRoute", "entry", "rule"]


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
    """The kinds of `events` that this source brings."""
    workload: Workload

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

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.workload.pipeline


def _patterns(selection: Selection | None, *, ignore_case: bool = False) -> dict[str, Any] | None:
    if selection is None:
        return None
    found: dict[str, Any] = {
        side: expression(globs)
        for side in ("include", "exclude")
        if (globs := getattr(selection, side)) is not None
    }
    if ignore_case:
        found = {side: text.lower() for side, text in found.items()}
    if isinstance(selection, Paths) and selection.unknown != "run":
        found["unknown"] = selection.unknown
    return found


def rule(events: Events, kind: Kind, arguments: Mapping[str, str]) -> dict[str, Any]:
    """What a table says about one kind of event; the keys are read by decide.jq."""
    declared = getattr(events, kind)
    parts: dict[str, Any] = {}
    match declared:
        case Push():
            paths = declared.paths
            parts = {
                "branches": _patterns(included(declared.branches)),
                "authors": _patterns(included(declared.authors), ignore_case=True),
                "paths": _patterns(
                    Paths.model_construct(include=paths) if isinstance(paths, list) else paths
                ),
            }
        case Tag_():
            parts = {"tags": _patterns(included(declared.tags))}
        case PullRequest():
            parts = {
                "into": _patterns(included(declared.into)),
                "authors": _patterns(included(declared.authors), ignore_case=True),
                "drafts": declared.drafts or None,
                "approved_by": declared.approved_by.label if declared.approved_by else None,
            }
        case ImagePush():
            parts = {"tags": _patterns(included(declared.tags))}
        case _:
            raise ValueError(f"{kind} has no rule")
    if isinstance(declared, Push | PullRequest) and not declared.skip_markers:
        parts["skip_markers"] = False
    if arguments:
        parts["arguments"] = dict(arguments)
    return {key: value for key, value in parts.items() if value is not None}


def entry(route: Route, *, with_constants: bool) -> dict[str, Any]:
    """One line of the table.

    Args:
        route: Whose line.
        with_constants: Whether the Workflow's constants stand in the table (a trigger shared by many pipelines) or
            in the trigger's resource (a trigger of its own).
    """
    workload = route.workload
    found: dict[str, Any] = {"pipeline": workload.pipeline, "config": workload.config}
    for kind in sorted(route.kinds):
        found[kind] = rule(route.events, kind, workload.kind_arguments.get(kind, {}))
    if with_constants:
        implied = workload.arguments.get(MUTEX_ARGUMENT)
        found |= {
            "arguments": dict(workload.arguments),
            "owner": workload.owner,
            "mutex": workload.mutex if workload.mutex != implied else None,
        }
    return {key: value for key, value in found.items() if value is not None}
