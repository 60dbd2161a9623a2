"""Dependencies and their triggers: what a Sensor decides of an event, and creates."""

from collections.abc import Mapping
from dataclasses import dataclass

from events.canonical import Kind
from sensors.assignment import Group
from sensors.creation import Creation
from sensors.parameters import ContextKey, DataKey, Parameter, ScheduleHash, Sha256
from sensors.program import Program, compose, suspended_schedule
from sensors.routes import Route, ScheduledRoute, entry
from triggers.locks import limit_path, mutex_path
from triggers.words import PREFIX
from triggers.workflow import (
    ANNOTATIONS,
    NAME_LENGTH,
    Workload,
    argument_path,
    digest,
    filled,
    scheduled,
    with_source,
)

__all__ = ["Dependency", "of_group", "of_route", "of_schedule"]


@dataclass(frozen=True)
class Dependency:
    """One dependency with its triggers."""

    name: str
    event_source: str
    event_name: str
    program: Program | None
    """None for a schedule, because its calendar event starts only this pipeline; a suspended one has a program."""
    creates: Creation
    """The Workflow."""
    pipelines: tuple[str, ...]
    keys: frozenset[str] = frozenset()
    """Repositories or images in the program's table."""
    beside: tuple[Creation, ...] = ()
    """Other objects that the same event makes. Each has its own trigger, which is one more subscription and decides the event once more."""

    @property
    def triggers(self) -> dict[str, Creation]:
        """Name of each trigger → what it creates. The Workflow's trigger has the name of the dependency."""
        others = {f"{self.name}-{str(each.resource['kind']).lower()}": each for each in self.beside}
        return {self.name: self.creates, **others}


def _label(name: str) -> tuple[str, ...]:
    return ("metadata", "labels", PREFIX + name)


def _annotation(name: str) -> tuple[str, ...]:
    return ("metadata", "annotations", PREFIX + name)


_CONTEXT = (
    Parameter(_annotation("event-id"), ContextKey("id")),
    Parameter(_annotation("event-time"), ContextKey("time")),
)

_DECISION = (
    Parameter(("metadata", "name"), Sha256("hookline.identity", prefix="hookline.name")),
    Parameter(_label("event"), Sha256("hookline.event")),
    Parameter(_label("event-kind"), DataKey("hookline.kind")),
    *(Parameter(_annotation(name), DataKey(f"hookline.{field}")) for name, field in ANNOTATIONS.items()),
    *_CONTEXT,
)
"""Parameters that every trigger takes from the decision."""


def _name(event_source: str, source: str, pipeline: str) -> str:
    """A name that is also a label value, which Argo Events makes of a trigger's name when it creates objects."""
    readable = f"{source}-{pipeline}"[:45].rstrip("-")
    # Source a-b, pipeline c is not source a, pipeline b-c; and another event source is another name, as in Group.name.
    return f"{readable}-{digest([event_source, source, pipeline], 6)}"


def _arguments(workload: Workload, names: frozenset[str]) -> list[Parameter]:
    return [
        Parameter(tuple(argument_path(index).split(".")), DataKey(f"hookline.parameters.{name}"))
        for index, name in enumerate(workload.argument_names)
        if name in names
    ]


def _bindings(routes: tuple[Route, ...]) -> dict[Kind, Mapping[str, str]]:
    return {kind: fields for route in routes for kind, fields in route.workload.bindings.items()}


def of_group(group: Group) -> Dependency:
    """A table of many pipelines over one trigger: what differs between them comes out of the table."""
    first = group.routes[0]
    constants = [Parameter(_label(name), DataKey(f"hookline.{name}")) for name in ("pipeline", "config")]
    if first.workload.owner is not None:
        constants.append(Parameter(_label("owner"), DataKey("hookline.owner")))
    if first.workload.mutex is not None:
        constants.append(Parameter(mutex_path(first.workload.resource), DataKey("hookline.mutex")))
    if first.workload.limit is not None:
        constants.append(Parameter(limit_path(first.workload.resource), DataKey("hookline.limit")))
    lines = {route.key: entry(route, with_constants=True) for route in group.routes}
    resource = with_source(first.workload.resource, group.source)
    namespaces = frozenset(route.workload.namespace for route in group.routes)
    if len(namespaces) == 1:
        resource["metadata"]["namespace"] = first.workload.namespace
    else:
        constants.append(Parameter(("metadata", "namespace"), DataKey("hookline.namespace")))
        for route in group.routes:
            lines[route.key]["namespace"] = route.workload.namespace
    return Dependency(
        name=group.name,
        event_source=first.source.event_source,
        event_name=first.source.name,
        program=compose(
            host=first.source.host,
            source=group.source,
            kinds=frozenset(kind for route in group.routes for kind in route.kinds),
            lines=lines,
            bindings=_bindings(group.routes),
            mutex_argument=first.workload.mutex_argument,
            any_ref=first.workload.template.takes_any_ref,
        ),
        creates=Creation(
            resource,
            (*_DECISION, *constants, *_arguments(first.workload, frozenset(first.workload.argument_names))),
            chosen=namespaces if len(namespaces) > 1 else frozenset(),
        ),
        pipelines=tuple(route.pipeline for route in group.routes),
        keys=frozenset(route.key for route in group.routes),
    )


def of_route(route: Route) -> Dependency:
    """A trigger for one pipeline: the resource holds the constants, and the table has one line."""
    workload = route.workload
    from_event = frozenset(
        name
        for kind in route.kinds
        for name in (*workload.bindings.get(kind, {}), *workload.kind_arguments.get(kind, {}))
    )
    mixed = from_event & workload.arguments.keys()
    line = entry(route, with_constants=False)
    if mixed:  # filled by some kinds only: the others take the constant
        line["arguments"] = {name: workload.arguments[name] for name in sorted(mixed)}
    source = route.source.name
    return Dependency(
        name=_name(route.source.event_source, source, workload.pipeline),
        event_source=route.source.event_source,
        event_name=source,
        program=compose(
            host=route.source.host,
            source=source,
            kinds=route.kinds,
            lines={route.key: line},
            bindings=_bindings((route,)),
            any_ref=workload.template.takes_any_ref,
        ),
        creates=Creation(
            filled(
                workload,
                source,
                {name: value for name, value in workload.arguments.items() if name not in from_event},
            ),
            (*_DECISION, *_arguments(workload, from_event)),
        ),
        pipelines=(workload.pipeline,),
        keys=frozenset({route.key}),
    )


def of_schedule(route: ScheduledRoute) -> Dependency:
    """A trigger for a calendar event: everything is constant except the minute, and there is no program."""
    workload = route.workload
    name = workload.pipeline[:NAME_LENGTH].rstrip("-")
    # One minute is one run, unless something else than by the pipeline's first schedule is built.
    first = workload.kind_arguments.get("schedule", {})
    other = "" if route.arguments == first else f" {digest(dict(route.arguments))}"
    return Dependency(
        name=f"schedule-{route.event_name}",
        event_source=route.event_source,
        event_name=route.event_name,
        program=suspended_schedule(workload.pipeline, workload.config, route.suspended)
        if route.suspended is not None
        else None,
        creates=Creation(
            scheduled(workload, "calendar", route.arguments),
            (
                Parameter(
                    ("metadata", "name"),
                    ScheduleHash(f"{name}-", f"{workload.config} {workload.pipeline} schedule{other}"),
                ),
                Parameter(_label("event"), ScheduleHash("", f"{workload.pipeline} schedule{other}")),
                *_CONTEXT,
            ),
        ),
        pipelines=(workload.pipeline,),
    )
