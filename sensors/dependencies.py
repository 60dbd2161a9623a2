"""Dependencies and their triggers: what a Sensor decides of an event, and creates."""

from collections.abc import Iterable
from dataclasses import dataclass

from sensors.assignment import Group
from sensors.creation import Creation
from sensors.parameters import ContextKey, DataKey, DataObject, Parameter, ScheduleHash, Sha256
from sensors.program import Program, TemplateFacts, compose, suspended_schedule
from sensors.routes import Route, ScheduledRoute, entry
from triggers.locks import mutex_path
from triggers.words import PREFIX
from triggers.workflow import (
    ANNOTATIONS,
    LABELS,
    NAME_LENGTH,
    Workload,
    digest,
    scheduled,
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
    # Whole objects first: what follows is put into them.
    Parameter(("metadata", "labels"), DataObject("hookline.labels")),
    Parameter(("spec",), DataObject("hookline.spec")),
    Parameter(("metadata", "name"), Sha256("hookline.event", prefix="hookline.name")),
    Parameter(_label("event"), Sha256("hookline.event")),
    *(Parameter(_annotation(name), DataKey(f"hookline.{field}")) for name, field in ANNOTATIONS.items()),
    *_CONTEXT,
)
"""Parameters that every trigger takes from the decision. Run settings are among them, so no trigger changes with an edit."""


def _name(event_source: str, source: str, pipeline: str) -> str:
    """A name that is also a label value, which Argo Events makes of a trigger's name when it creates objects."""
    readable = f"{source}-{pipeline}"[:45].rstrip("-")
    # Source a-b, pipeline c is not source a, pipeline b-c; and another event source is another name, as in Group.name.
    return f"{readable}-{digest([event_source, source, pipeline], 6)}"


def of_group(group: Group) -> Dependency:
    """A table of many pipelines over one trigger."""
    return _of_routes(group.name, group.routes)


def of_route(route: Route) -> Dependency:
    """A table of one pipeline, with a trigger of its own."""
    return _of_routes(_name(route.source.event_source, route.source.name, route.pipeline), (route,))


def _of_routes(name: str, routes: tuple[Route, ...]) -> Dependency:
    """A table over one trigger: the program says all that a Workflow has, apart from what every Workflow has."""
    source = routes[0].source
    workloads = [route.workload for route in routes]
    lines = {route.key: entry(route) for route in routes}
    templates = _templates(workloads)
    if len(templates) == 1:
        templates = {"": next(iter(templates.values()))}
    else:
        for route in routes:
            lines[route.key]["template"] = route.workload.template.name
    namespaces = frozenset(each.namespace for each in workloads)
    resource = {key: workloads[0].resource[key] for key in ("apiVersion", "kind")}
    parameters = _DECISION
    if len(namespaces) == 1:
        resource["metadata"] = {"namespace": workloads[0].namespace}
    else:
        parameters += (Parameter(("metadata", "namespace"), DataKey("hookline.namespace")),)
        for route in routes:
            lines[route.key]["namespace"] = route.workload.namespace
    return Dependency(
        name=name,
        event_source=source.event_source,
        event_name=source.name,
        program=compose(
            host=source.host,
            source=source.name,
            kinds=frozenset(kind for route in routes for kind in route.kinds),
            lines=lines,
            templates=templates,
            labels={**LABELS, f"{PREFIX}source": source.name},
            mutex_path=next(filter(None, (mutex_path(each.resource) for each in workloads)), ()),
        ),
        creates=Creation(resource, parameters, chosen=namespaces if len(namespaces) > 1 else frozenset()),
        pipelines=tuple(route.pipeline for route in routes),
        keys=frozenset(lines),
    )


def _templates(workloads: Iterable[Workload]) -> dict[str, TemplateFacts]:
    """Facts about the templates of these runs, for their program."""
    found: dict[str, TemplateFacts] = {}
    for each in workloads:
        template = each.template
        known = found.get(template.name, TemplateFacts())
        given = {*known.arguments, *each.argument_names}
        found[template.name] = TemplateFacts(
            tuple(name for name in template.parameters if name in given),
            {**known.bindings, **each.bindings},
            each.mutex_argument,
            template.takes_any_ref,
        )
    return found


def of_schedule(route: ScheduledRoute) -> Dependency:
    """A trigger for a calendar event: everything is constant except the minute, and there is no program."""
    workload = route.workload
    name = workload.pipeline[:NAME_LENGTH].rstrip("-")
    # One minute is one run, unless something else than by the pipeline's first schedule is built.
    first = workload.kind_arguments.get("schedule", {})
    other = "" if route.arguments == first else f" {digest(dict(route.arguments))}"
    run = f"{workload.pipeline} schedule{other}"
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
                Parameter(("metadata", "name"), ScheduleHash(f"{name}-", run)),
                Parameter(_label("event"), ScheduleHash("", run)),
                *_CONTEXT,
            ),
        ),
        pipelines=(workload.pipeline,),
    )
