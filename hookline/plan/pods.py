"""Pods: how many a declaration costs, why, for whom, and what a change of it moves."""

from collections.abc import Iterable
from dataclasses import dataclass

from hookline.output import plural
from hookline.plan.exporter_objects import installation
from hookline.plan.objects import event_source_objects, objects
from hookline.plan.owners import received_by
from hookline.plan.planning import Plan
from hookline.plan.schedule_carriers import ASKED
from hookline.plan.subscriptions import subscription_changes

__all__ = ["PlanChange", "Pod", "Pods", "calendar_note", "calendar_reasons", "changes", "pods_needed"]

SHOWN = 3
"""Schedules that a sentence names for each reason."""


@dataclass(frozen=True, slots=True)
class Pod:
    """Pods of one object that run all the time."""

    kind: str
    name: str
    count: int
    why: str
    pipelines: frozenset[str]
    """The pipelines whose events they carry."""


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods that run all the time, each with its reason."""

    rows: tuple[Pod, ...]

    @property
    def total(self) -> int:
        """Pods in all."""
        return sum(row.count for row in self.rows)

    @property
    def sentence(self) -> str:
        """The number of pods in words."""
        return plural(self.total, "pod")

    def carrying(self, pipelines: frozenset[str]) -> "Pods":
        """Those that carry events of some of these pipelines."""
        return Pods(tuple(row for row in self.rows if row.pipelines & pipelines))


def pods_needed(plan: Plan) -> Pods:
    """The pods of a plan."""
    rows: list[Pod] = []
    received = received_by(plan)
    bus = plan.declaration.cluster.event_bus
    if bus.create:
        carried = frozenset(name for sensor in plan.sensors for name in sensor.pipelines)
        unused = (
            "" if plan.sensors else ", which nothing here uses: event_bus: {create: false} leaves them out"
        )
        rows.append(Pod("EventBus", bus.name, bus.replicas, f"servers of the bus{unused}", carried))
    for manifest in event_source_objects(plan):
        if manifest["kind"] == "EventSource":
            name = manifest["metadata"]["name"]
            receives = sorted(
                event
                for kind in ("github", "webhook", "calendar")
                for event in manifest["spec"].get(kind, {})
            )
            what = (
                f"{plural(len(receives), 'schedule')} ({calendar_reasons(plan, receives)})"
                if name in plan.calendars
                else f"receives {', '.join(receives)}"
            )
            rows.append(Pod("EventSource", name, 1, what, received[name]))
    rows += [Pod("Sensor", each.name, 1, each.why, each.pipelines) for each in plan.sensors]
    if (exporter := installation(plan)) is not None:
        rows.append(Pod("Deployment", exporter.name, 1, "measures runs", frozenset()))
    return Pods(tuple(rows))


def calendar_reasons(plan: Plan, names: Iterable[str]) -> str:
    """The reasons for which the calendar fires these schedules, each with the schedules, in words."""
    by_reason: dict[str, list[str]] = {}
    for name in sorted(names):
        by_reason.setdefault(plan.on_calendar[name], []).append(name)
    return "; ".join(
        why
        if why == ASKED
        else f"{why} of {', '.join(of[:SHOWN])}{f' and {len(of) - SHOWN} more' if len(of) > SHOWN else ''}"
        for why, of in sorted(by_reason.items())
    )


def calendar_note(plan: Plan) -> str:
    """The sentence about schedules that need event pods, which the others do not; empty if none does, or somebody asked for it."""
    if not plan.on_calendar or ASKED in plan.on_calendar.values():
        return ""
    sensors = [
        each
        for each in plan.sensors
        if any(found.event_source in plan.calendars for found in each.dependencies)
    ]
    count = len(plan.calendars) + len(sensors)
    return (
        f"the calendar event source fires {len(plan.on_calendar)} of {plural(len(plan.schedules), 'schedule')}, which takes "
        f"{plural(count, 'pod')}: {calendar_reasons(plan, plan.on_calendar)}"
    )


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Effect on one dependency or pipeline when a new declaration is applied over an old one."""

    what: str
    name: str
    effect: str


def changes(old: Plan, new: Plan) -> list[PlanChange]:
    """The changes between two plans: pipelines that move to other Sensors or namespaces, and subscriptions that come, go or change."""

    def places(plan: Plan) -> dict[tuple[str, str], str]:
        fired = {
            (plan.schedules[name].pipeline, name): f"CronWorkflow {name}"
            for name in plan.schedules.keys() - plan.on_calendar.keys()
        }
        return fired | {
            (pipeline, dependency.event_name): f"{sensor.name}/{dependency.name}"
            for sensor in plan.sensors
            for dependency in sensor.dependencies
            for pipeline in dependency.pipelines
        }

    before, after = places(old), places(new)
    found = [
        PlanChange(
            "pipeline", name, f"its Workflows move from {old.workloads[name].namespace} to {load.namespace}"
        )
        for name, load in new.workloads.items()
        if name in old.workloads and old.workloads[name].namespace != load.namespace
    ]
    found += [
        PlanChange("pipeline", pipeline, f"moves from {before[pipeline, event]} to {place}")
        for (pipeline, event), place in sorted(after.items())
        if before.get((pipeline, event), place) != place
    ]
    found += [
        PlanChange("pipeline", pipeline, f"added to {after[pipeline, event]}")
        for pipeline, event in sorted(after.keys() - before.keys())
    ]
    found += [
        PlanChange("pipeline", pipeline, f"removed from {before[pipeline, event]}")
        for pipeline, event in sorted(before.keys() - after.keys())
    ]
    moved = subscription_changes(objects(old), objects(new))
    found += [PlanChange("subscription", each.name, each.effect) for each in moved]
    return found
