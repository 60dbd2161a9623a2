"""Planning: the second pass. It turns a checked declaration into workloads, routes and Sensors, and cannot fail."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from documents.diagnostics import Diagnostic
from events.environment import go_json_bytes, usable_json_bytes
from events.eventsource import (
    CalendarEntry,
    Endpoint,
)
from hookline.declaration.loading import Declaration, DeclaredPipeline
from hookline.plan.checking import Checked, check
from hookline.plan.fan_outs import fan_out
from hookline.plan.layout import Layout, placed_name
from hookline.plan.publishing import settings_by_kind
from hookline.plan.schedule_carriers import CRON_WORKFLOW
from hookline.plan.schedules import FiringSchedule
from sensors.assignment import bins
from sensors.creation import CREATE, PATCH, CreationMode
from sensors.dependencies import of_schedule
from sensors.manifests import SensorPlan
from sensors.routes import BusSource, Route, ScheduledRoute, Suspended
from triggers.locks import LimitsObject
from triggers.release import takes_lists
from triggers.template import Template
from triggers.workflow import Shapes, Subject, Workload, workload

__all__ = ["Plan", "make_plan", "planned"]


@dataclass(frozen=True)
class Plan:
    """Everything that a declaration means, and nothing of how it is written down."""

    declaration: Declaration
    endpoints: Mapping[str, Endpoint]
    workloads: Mapping[str, Workload]
    routes: tuple[Route, ...]
    schedules: Mapping[str, FiringSchedule]
    """By the name of their event or CronWorkflow."""
    schedule_arguments: Mapping[str, Mapping[str, str]]
    """By the same name: the arguments of its runs, over the pipeline's."""
    on_calendar: Mapping[str, str]
    """By the same name, those that the calendar event source fires: why it does. CronWorkflows fire the others."""
    exporter_files: Mapping[str, str]
    """Name → content: the files of settings that the exporter's pod gets."""
    controller_settings: str
    """Settings of the controller's pod; empty without a controller."""
    given: Mapping[str, Template]
    """Templates by name that neither the declaration nor hookline has, and that some pipeline uses."""
    warnings: tuple[Diagnostic, ...]

    @property
    def namespace(self) -> str:
        """Namespace of every object, apart from runs elsewhere and their rights."""
        return self.declaration.cluster.namespace

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces in which Workflows are created, that of all objects first."""
        return self._in_order(each.namespace for each in self.workloads.values())

    def _in_order(self, namespaces: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(set(namespaces), key=lambda each: (each != self.namespace, each)))

    @property
    def received(self) -> tuple[Endpoint, ...]:
        """The endpoints of the sources that pipelines use, by name."""
        used = {route.source.name for route in self.routes}
        return tuple(each for name, each in self.endpoints.items() if name in used)

    @property
    def sandboxed(self) -> frozenset[str]:
        """Pipelines of foreign code."""
        return frozenset(
            name for name, each in self.declaration.pipelines.items() if each.pipeline.events.sandboxed
        )

    @property
    def prefix(self) -> str:
        """First part of the names of all objects."""
        return self.declaration.cluster.name

    @property
    def sensor_rules(self) -> dict[str, list[dict[str, Any]]]:
        """Namespace → the RBAC rules of what Sensors create there; their own namespace first."""
        found: dict[str, list[dict[str, Any]]] = {}
        created = [
            creation
            for sensor in self.sensors
            for each in sensor.dependencies
            for creation in each.triggers.values()
        ]
        for creation in created:
            rule = creation.rule(self.creation_mode)
            for namespace in creation.namespaces:
                if rule not in found.setdefault(namespace, []):
                    found[namespace].append(rule)
        return {namespace: found[namespace] for namespace in self._in_order(found)}

    @property
    def fans_out(self) -> bool:
        """Whether an event may start more runs than its trigger creates."""
        return any(each.fans_out for sensor in self.sensors for each in sensor.dependencies)

    @property
    def limits_object(self) -> LimitsObject:
        """The ConfigMap with the limits of all runs, in whatever namespace they are."""
        return _limits_object(self.declaration)

    @property
    def limits(self) -> dict[str, int]:
        """Limits that some pipeline names, with the most runs at once."""
        used = {each.limit for each in self.workloads.values()}
        return {name: each.most for name, each in self.declaration.limits.items() if name in used}

    @property
    def on_ack_one(self) -> bool:
        """Whether the managed product's limits hold."""
        return self.declaration.cluster.platform == "ack-one"

    def schedules_of(self, pipeline: str) -> tuple[FiringSchedule, ...]:
        """The times at which a pipeline fires, in the order in which they are written."""
        return tuple(each for each in self.schedules.values() if each.pipeline == pipeline)

    @property
    def scheduled(self) -> tuple[str, ...]:
        """The pipelines with a schedule."""
        return tuple(dict.fromkeys(each.pipeline for each in self.schedules.values()))

    def event_source_of(self, schedule: str) -> str:
        """The event source that fires a schedule; CRON_WORKFLOW where a CronWorkflow does."""
        found = (
            name for name, entries in self.calendars.items() if any(each.name == schedule for each in entries)
        )
        return next(found, CRON_WORKFLOW)

    def suspended(self, pipeline: str) -> Suspended:
        """Whether no event starts a pipeline."""
        return _suspended(self.declaration.pipelines[pipeline])

    @property
    def creation_mode(self) -> CreationMode:
        """The way in which Sensors create Workflows on this platform."""
        return CREATE if self.on_ack_one else PATCH

    @cached_property
    def calendars(self) -> dict[str, list[CalendarEntry]]:
        """Calendar EventSource → its entries; more than one where one object cannot hold them."""
        entries = [
            CalendarEntry(
                name=name,
                cron=schedule.cron.text,
                timezone=schedule.timezone,
                excluded=tuple(day.isoformat() for day in schedule.excluded),
                catch_up_seconds=schedule.catch_up_seconds,
            )
            for name, schedule in sorted(self.schedules.items())
            if name in self.on_calendar
        ]
        placed = bins(
            entries,
            name=lambda entry: entry.name,
            fit=lambda some: (
                sum(go_json_bytes({each.name: each.spec(f"{self.prefix}-calendar-00")}) for each in some)
                <= usable_json_bytes("EventSource") - 1_000
            ),
        )
        return {placed_name(f"{self.prefix}-calendar", place): found for place, found in placed.items()}

    @cached_property
    def sensors(self) -> tuple[SensorPlan, ...]:
        """Every Sensor with what it carries."""
        return tuple(self._sensors())

    @property
    def layout(self) -> Layout:
        """The rules by which routes are placed in Sensors."""
        cluster = self.declaration.cluster
        return Layout(
            self.prefix,
            cluster.shards,
            self.creation_mode,
            a_lane_each=self.on_ack_one,
            fan_out=fan_out(self.declaration),
        )

    def _sensors(self) -> Iterator[SensorPlan]:
        layout = self.layout
        yield from layout.of_routes(self.routes)
        yield from layout.of_schedules(
            of_schedule(
                ScheduledRoute(
                    event_source,
                    entry.name,
                    self.workloads[self.schedules[entry.name].pipeline],
                    self.schedule_arguments[entry.name],
                    self.suspended(self.schedules[entry.name].pipeline),
                )
            )
            for event_source, entries in self.calendars.items()
            for entry in entries
        )


def _suspended(declared: DeclaredPipeline) -> Suspended:
    suspension = declared.pipeline.suspended
    if suspension is None:
        return None
    return True if suspension.ends is None else suspension.ends


def _limits_object(declaration: Declaration) -> LimitsObject:
    return LimitsObject(f"{declaration.cluster.name}-limits", declaration.cluster.namespace)


def make_plan(declaration: Declaration, templates: Mapping[str, Template]) -> Plan:
    """Check a declaration, then plan it.

    Args:
        declaration: The files, each right by itself.
        templates: Capabilities by name that override or add to the stock ones.

    Raises:
        InvalidInput: With every problem that the checks found, each with its position.
    """
    return planned(check(declaration, templates))


def planned(checked: Checked) -> Plan:
    """Plan what was checked: the second pass, in which nothing is refused."""
    cluster = checked.declaration.cluster
    workloads: dict[str, Workload] = {}
    shapes = Shapes(_limits_object(checked.declaration), lists=takes_lists(cluster.argo_workflows))
    routes: list[Route] = []
    for each in checked.pipelines:
        declared, pipeline = each.declared, each.declared.pipeline
        workloads[declared.name] = workload(
            Subject(
                declared.name,
                declared.owner,
                pipeline.repository.url,
                pipeline.image,
                pipeline.repository.name,
                checked.declaration.namespace_of(pipeline),
            ),
            each.run,
            each.template,
            cluster.namespace,
            settings_by_kind(declared, each.template),
            shapes,
            sandboxed=pipeline.events.sandboxed,
            restricted=cluster.template_referencing is not None,
        )
        routes += _routes(declared, workloads[declared.name], checked.endpoints)
    schedules = {schedule.name: schedule for each in checked.pipelines for schedule in each.schedules}
    schedule_arguments: dict[str, Mapping[str, str]] = {}
    for each in checked.pipelines:
        schedule_arguments |= each.timed.arguments
    used = {each.resource["spec"]["workflowTemplateRef"]["name"] for each in workloads.values()}
    return Plan(
        checked.declaration,
        checked.endpoints,
        workloads,
        tuple(routes),
        schedules,
        schedule_arguments,
        checked.on_calendar,
        checked.exporter_files,
        checked.controller_settings,
        {name: each for name, each in sorted(checked.given.items()) if name in used},
        checked.warnings,
    )


def _routes(declared: DeclaredPipeline, load: Workload, found: Mapping[str, Endpoint]) -> Iterator[Route]:
    events = declared.pipeline.events
    for source, name, kinds in declared.listened():
        if source in found:
            endpoint = found[source]
            yield Route(
                BusSource(endpoint.name, endpoint.event_source, endpoint.host),
                endpoint.host.key(name),
                events,
                kinds,
                load,
                _suspended(declared),
            )
