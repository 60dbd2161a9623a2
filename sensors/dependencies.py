"""Dependencies and their triggers: what a Sensor decides of an event, and creates."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sensors.assignment import Group, ListGroup
from sensors.creation import Creation
from sensors.decision_parameters import decided_workflow, scheduled_parameters
from sensors.fan_out import FanOut
from sensors.program import Program, TemplateFacts, compose, suspended_schedule
from sensors.routes import Route, ScheduledRoute, entry
from triggers.locks import mutex_path
from triggers.words import PREFIX
from triggers.workflow import LABELS, NAME_LENGTH, Workload, digest, scheduled

__all__ = ["Dependency", "of_group", "of_list", "of_route", "of_schedule"]


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
    fans_out: bool = False
    """Whether it may create a fan-out, which starts several runs."""
    beside: tuple[Creation, ...] = ()
    """Other objects that the same event makes. Each has its own trigger, which is one more subscription and decides the event once more."""

    @property
    def triggers(self) -> dict[str, Creation]:
        """Name of each trigger → what it creates. The Workflow's trigger has the name of the dependency."""
        others = {f"{self.name}-{str(each.resource['kind']).lower()}": each for each in self.beside}
        return {self.name: self.creates, **others}


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


def of_list(group: ListGroup, settings: FanOut, parts: Mapping[str, int]) -> Dependency:
    """A table of keys with many pipelines: one run is made by the trigger itself, several by a fan-out.

    Args:
        group: The routes.
        settings: Of the declaration's fan-outs.
        parts: Into how many groups the pipelines of a key are divided, where it is more than one.
    """
    # No setting of a pipeline is part of what tells fan-outs apart: a redelivery after an edit makes none.
    event = " ".join(
        [
            "fan-out",
            group.source,
            *(["sandbox"] if group.sandboxed else []),
            *([group.place] if group.place else []),
        ]
    )
    keys = frozenset(route.key for route in group.routes)
    return _of_routes(group.name, group.routes, settings.namespace, settings.constants(event, keys, parts))


def _of_routes(
    name: str,
    routes: tuple[Route, ...],
    home: str | None = None,
    fan_out: Mapping[str, Any] | None = None,
) -> Dependency:
    """A table over one trigger: the program says all that a Workflow has, apart from what every Workflow has.

    Args:
        name: Of dependency and trigger.
        routes: In the order of their pipelines; several of one key only with `fan_out`.
        home: Namespace of fan-outs.
        fan_out: Constants of fan-outs.
    """
    source = routes[0].source
    workloads = [route.workload for route in routes]
    templates = _templates(workloads)
    several = len(templates) > 1
    if not several:
        templates = {"": next(iter(templates.values()))}
    namespaces = frozenset(each.namespace for each in workloads) | (
        {home} if home is not None else frozenset()
    )
    entries: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for route in routes:
        line = entry(route)
        if several:
            line["template"] = route.workload.template.name
        if len(namespaces) > 1 and route.workload.namespace != home:
            line["namespace"] = route.workload.namespace
        entries[route.key].append(line)
    return Dependency(
        name=name,
        event_source=source.event_source,
        event_name=source.name,
        program=compose(
            host=source.host,
            source=source.name,
            kinds=frozenset(kind for route in routes for kind in route.kinds),
            lines=entries if fan_out is not None else {key: found for key, (found,) in entries.items()},
            templates=templates,
            labels={**LABELS, f"{PREFIX}source": source.name},
            mutex_path=next(filter(None, (mutex_path(each.resource) for each in workloads)), ()),
            fan_out=fan_out,
        ),
        creates=decided_workflow(namespaces),
        pipelines=tuple(route.pipeline for route in routes),
        keys=frozenset(entries),
        fans_out=fan_out is not None,
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
        creates=Creation(scheduled(workload, "calendar", route.arguments), scheduled_parameters(name, run)),
        pipelines=(workload.pipeline,),
    )
