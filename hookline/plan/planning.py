"""Planning: from the declaration to everything that will be applied, or to every reason why it cannot be."""

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from documents.diagnostics import Diagnostic
from documents.findings import Findings
from events.canonical import Kind
from events.cron import CronError
from events.environment import environment_bytes, fits, go_json_bytes, usable_json_bytes
from events.eventsource import (
    CalendarEntry,
    Endpoint,
    calendar_manifest,
    calendar_rules,
    endpoints,
    event_bus_manifest,
    network_policy,
    webhook_manifest,
)
from hookline.declaration.loading import Declaration, DeclaredPipeline
from hookline.output import plural
from hookline.plan.checks import check_declaration
from hookline.plan.pipeline_checks import check_pipeline
from hookline.plan.schedules import FiringSchedule, firing
from sensors.assignment import LANES, Group, bins, lanes
from sensors.dependencies import Dependency, of_group, of_route, of_schedule
from sensors.manifests import (
    CREATE,
    PATCH,
    SENSOR_SERVICE_ACCOUNT,
    Delivery,
    SensorPlan,
    dependency_bytes,
    room,
    sensor_manifest,
)
from sensors.routes import Origin, Route, ScheduledRoute
from triggers.cron_workflow import cron_workflow
from triggers.declaration import merge
from triggers.rbac import bound_account, run_rights, sandbox_run_rights, sensor_rights
from triggers.template import StockTemplates, Template
from triggers.workflow import RUN_SERVICE_ACCOUNT, Shapes, Subject, Workload, digest, workload

__all__ = ["Plan", "check_sizes", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """Everything that a declaration means, and nothing of how it is written down."""

    declaration: Declaration
    endpoints: Mapping[str, Endpoint]
    workloads: Mapping[str, Workload]
    routes: tuple[Route, ...]
    schedules: Mapping[str, FiringSchedule]
    warnings: tuple[Diagnostic, ...]

    @property
    def namespace(self) -> str:
        """Namespace of every object, apart from the runs of foreign code and their rights."""
        return self.declaration.cluster.namespace

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
    def workflow_namespaces(self) -> list[str]:
        """Where Sensors create Workflows."""
        found = {each.resource["metadata"]["namespace"] for each in self.workloads.values()}
        return sorted(found, key=lambda each: (each != self.namespace, each))

    @property
    def on_ack_one(self) -> bool:
        """Whether the managed product's limits hold."""
        return self.declaration.cluster.platform == "ack-one"

    @property
    def delivery(self) -> Delivery:
        """How Sensors create Workflows here."""
        return CREATE if self.on_ack_one else PATCH

    @property
    def uses_calendar(self) -> bool:
        """Whether an event source fires schedules, not CronWorkflows."""
        chosen = self.declaration.cluster.schedules
        return chosen == "calendar" or (chosen is None and not self.on_ack_one)

    @cached_property
    def calendars(self) -> dict[str, list[CalendarEntry]]:
        """Calendar EventSource → its entries; more than one where one object cannot hold them."""
        if not self.uses_calendar:
            return {}
        entries = [
            CalendarEntry(
                name=name,
                cron=schedule.cron.text,
                timezone=schedule.timezone,
                excluded=tuple(day.isoformat() for day in schedule.excluded),
                catch_up_seconds=schedule.catch_up_seconds,
            )
            for name, schedule in sorted(self.schedules.items())
        ]
        placed = bins(
            entries,
            name=lambda entry: entry.name,
            size=lambda entry: go_json_bytes({entry.name: entry.spec(f"{self.prefix}-calendar-00")}),
            room=usable_json_bytes("EventSource") - 1_000,
        )
        if len(placed) == 1:
            return {f"{self.prefix}-calendar": entries}
        return {f"{self.prefix}-calendar-{place}": found for place, found in placed.items()}

    @cached_property
    def sensors(self) -> tuple[SensorPlan, ...]:
        """Every Sensor with what it carries."""
        return tuple(self._sensors())

    def _sensors(self) -> Iterator[SensorPlan]:
        groups, wide = lanes(self.routes, self.declaration.cluster.shards)
        alone = [of_route(route) for route in wide]
        yield from self._lane_by_lane(groups, alone) if self.on_ack_one else self._by_shard(groups, alone)
        scheduled = [
            of_schedule(ScheduledRoute(event_source, entry.name, self.workloads[entry.name]))
            for event_source, entries in self.calendars.items()
            for entry in entries
        ]
        yield from self._packed(scheduled, "schedules", "schedule", "")

    def _by_shard(self, groups: Sequence[Group], alone: Sequence[Dependency]) -> Iterator[SensorPlan]:
        for shard in sorted({group.shard for group in groups}):
            mine = [group for group in groups if group.shard == shard]
            pipelines = {route.pipeline for group in mine for route in group.routes}
            yield SensorPlan(
                f"{self.prefix}-{shard}",
                tuple(of_group(group) for group in mine),
                f"{plural(len(pipelines), 'pipeline')} in {plural(len(mine), 'table')}",
            )
        yield from self._packed(alone, "wide", "pipeline", f" beyond {LANES} of one repository or image")

    def _lane_by_lane(self, groups: Sequence[Group], alone: Sequence[Dependency]) -> Iterator[SensorPlan]:
        """NATS Streaming takes one dependency a source and event, so a lane is a Sensor."""
        for group in groups:
            yield SensorPlan(
                f"{self.prefix}-{group.shard}-{group.name}",
                (of_group(group),),
                f"lane {group.lane} of {group.source}: {plural(len(group.routes), 'pipeline')}",
            )
        for dependency in alone:
            name = f"{self.prefix}-wide-{digest(dependency.name, 10)}"
            yield SensorPlan(name, (dependency,), "one pipeline beyond the lanes")

    def _packed(
        self, dependencies: Sequence[Dependency], name: str, what: str, which: str
    ) -> Iterator[SensorPlan]:
        placed = bins(
            dependencies,
            name=lambda each: each.name,
            size=lambda each: dependency_bytes(each, self.delivery),
            room=room(),
        )
        for place, found in placed.items():
            yield SensorPlan(
                f"{self.prefix}-{name}-{place}",
                tuple(found),
                f"{plural(len(found), what)}{which}, a trigger each",
            )

    def sensor_object(self, sensor: SensorPlan) -> dict[str, Any]:
        """The Sensor as it is applied."""
        return sensor_manifest(sensor, self.namespace, self.delivery, self.declaration.cluster.event_bus.name)

    def event_source_objects(self) -> list[dict[str, Any]]:
        """EventSources, and what they need."""
        bus = self.declaration.cluster.event_bus.name
        owners: dict[str, set[str]] = {name: set() for name in self.endpoints}
        for route in self.routes:
            owners[route.origin.source].add(route.key.split("/")[0])
        found: list[dict[str, Any]] = []
        used = [endpoint for name, endpoint in self.endpoints.items() if owners[name]]
        for name in sorted({endpoint.event_source for endpoint in used}):
            received = [endpoint for endpoint in used if endpoint.event_source == name]
            found.append(webhook_manifest(name, received, owners, self.namespace, bus))
            found += [
                network_policy(each, self.namespace) for each in received if each.unverified is not None
            ]
        for name, entries in self.calendars.items():
            found.append(calendar_manifest(name, entries, self.namespace, bus))
            if any(entry.catch_up_seconds is not None for entry in entries):
                found += bound_account(name, self.namespace, calendar_rules(name))
        return found

    def objects(self) -> list[dict[str, Any]]:
        """Every object, in the order in which kubectl should apply them."""
        cluster = self.declaration.cluster
        found: list[dict[str, Any]] = []
        if cluster.event_bus.create:
            version = None if self.on_ack_one else cluster.event_bus.version
            found.append(
                event_bus_manifest(
                    cluster.event_bus.name,
                    self.namespace,
                    jetstream_version=version,
                    replicas=cluster.event_bus.replicas,
                )
            )
        if any(
            each.resource["spec"]["serviceAccountName"] == RUN_SERVICE_ACCOUNT
            for name, each in self.workloads.items()
            if name not in self.sandboxed
        ):
            found += run_rights(self.namespace)
        if cluster.sandbox is not None and self.sandboxed:
            found += sandbox_run_rights(cluster.sandbox.namespace)
        if self.sensors:
            verbs = ("create",) if self.on_ack_one else ("get", "create", "patch")
            found += sensor_rights(SENSOR_SERVICE_ACCOUNT, self.namespace, self.workflow_namespaces, verbs)
        found += self.event_source_objects()
        found += [self.sensor_object(sensor) for sensor in self.sensors]
        found += self.cron_workflows()
        return found

    def cron_workflows(self) -> list[dict[str, Any]]:
        """CronWorkflows of the schedules, where no calendar fires them."""
        if self.uses_calendar:
            return []
        return [
            cron_workflow(
                self.workloads[name],
                schedule.cron.text,
                schedule.timezone,
                schedule.catch_up_seconds,
                single_schedule=self.on_ack_one,
            )
            for name, schedule in sorted(self.schedules.items())
        ]


def _event_branches(declared: DeclaredPipeline) -> dict[Kind, str | None]:
    """The kinds that start a pipeline, each with the branch to build where the event has none."""
    events = declared.pipeline.events
    return {kind: getattr(getattr(events, kind), "branch", None) for kind in events.kinds()}


def make_plan(declaration: Declaration, templates: Mapping[str, Template]) -> Plan:
    """Plan a declaration.

    Args:
        declaration: The files, each right by itself.
        templates: Capabilities by name that override or add to the stock ones.

    Raises:
        InvalidInput: With everything that only knowledge can refuse, each with its position.
    """
    known = ChainMap(dict(templates), StockTemplates())  # type: ignore[arg-type]  # nothing writes to it
    findings = Findings()
    found_endpoints = endpoints(
        {name: each.source for name, each in declaration.sources.items()}, declaration.cluster.name
    )
    check_declaration(declaration, known, found_endpoints, findings)
    workloads: dict[str, Workload] = {}
    shapes = Shapes()
    routes: list[Route] = []
    schedules: dict[str, FiringSchedule] = {}
    for name, declared in declaration.pipelines.items():
        run = merge(declaration.default_run, declared.pipeline.run)
        template = check_pipeline(declaration, declared, run, known, found_endpoints, findings)
        if template is None:
            continue
        pipeline = declared.pipeline
        sandbox = declaration.cluster.sandbox if pipeline.events.sandboxed else None
        workloads[name] = workload(
            Subject(name, declared.owner, pipeline.repository.url, pipeline.image),
            run,
            template,
            sandbox.namespace if sandbox is not None else declaration.cluster.namespace,
            _event_branches(declared),
            shapes,
            sandboxed=pipeline.events.sandboxed,
        )
        routes += _routes(declared, workloads[name], found_endpoints)
        if pipeline.events.schedule is not None:
            try:
                schedules[name] = firing(name, pipeline.events.schedule)
            except CronError as error:
                findings.error(
                    declared.position("events", "schedule", "spread"),
                    str(error),
                    f"pipelines.{name}.events.schedule.spread",
                )
    findings.raise_errors()
    return Plan(declaration, found_endpoints, workloads, tuple(routes), schedules, tuple(findings.warnings))


def _routes(declared: DeclaredPipeline, load: Workload, found: Mapping[str, Endpoint]) -> Iterator[Route]:
    events, repository = declared.pipeline.events, declared.pipeline.repository
    git = frozenset(events.kinds()) & {"push", "tag", "pull_request"}
    listened = [(repository.source, repository.name, git)] if git else []
    if events.image_push is not None:
        listened.append((events.image_push.source, events.image_push.image, frozenset({"image_push"})))
    for source, name, kinds in listened:
        if source is not None and source in found:
            endpoint = found[source]
            key = name.lower() if endpoint.host.ignores_case else name
            yield Route(Origin(endpoint.name, endpoint.event_source, endpoint.host), key, events, kinds, load)


def check_sizes(plan: Plan) -> None:
    """Every object reaches its pod as one environment string; too many pipelines need more shards.

    Raises:
        InvalidInput: One does not fit.
    """
    findings = Findings()
    try:
        sensors = plan.sensors
    except ValueError as error:
        findings.error(
            plan.declaration.cluster_position("shards"),
            f"does not fit into a Sensor: {error}",
            "cluster.shards",
        )
        findings.raise_errors()
        raise
    too_large = [sensor for sensor in sensors if not fits(plan.sensor_object(sensor))]
    if too_large:
        needed = _shards_needed(plan)
        findings.error(
            plan.declaration.cluster_position("shards"),
            f"{too_large[0].name} would need {environment_bytes(plan.sensor_object(too_large[0])):,} bytes of environment, "
            f"more than Linux gives a process; set shards: {needed}",
            "cluster.shards",
        )
    findings.raise_errors()


def _shards_needed(plan: Plan) -> int:
    shards = plan.declaration.cluster.shards
    while shards < 100:
        shards += 1
        groups, _ = lanes(plan.routes, shards)
        sizes: dict[int, int] = {}
        for group in groups:
            sizes[group.shard] = sizes.get(group.shard, 0) + dependency_bytes(of_group(group), plan.delivery)
        if max(sizes.values()) <= room():
            break
    return shards
