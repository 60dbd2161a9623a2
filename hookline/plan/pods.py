"""Pods: how many a declaration costs, why, and what a change of it moves."""

from dataclasses import dataclass

from hookline.output import plural
from hookline.plan.objects import event_source_objects
from hookline.plan.planning import Plan

__all__ = ["PlanChange", "Pods", "changes", "pods_needed"]


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods that run all the time, each with its reason."""

    rows: tuple[tuple[str, str, int, str], ...]
    """Kind, name, pods, why."""

    @property
    def total(self) -> int:
        """Pods in all."""
        return sum(row[2] for row in self.rows)

    @property
    def sentence(self) -> str:
        """The number of pods in words."""
        return plural(self.total, "pod")


def pods_needed(plan: Plan) -> Pods:
    """The pods of a plan."""
    rows: list[tuple[str, str, int, str]] = []
    bus = plan.declaration.cluster.event_bus
    if bus.create:
        rows.append(("EventBus", bus.name, bus.replicas, "servers of the bus"))
    for manifest in event_source_objects(plan):
        if manifest["kind"] == "EventSource":
            name = manifest["metadata"]["name"]
            receives = sorted(
                event
                for kind in ("github", "webhook", "calendar")
                for event in manifest["spec"].get(kind, {})
            )
            what = (
                plural(len(receives), "schedule")
                if name in plan.calendars
                else f"receives {', '.join(receives)}"
            )
            rows.append(("EventSource", name, 1, what))
    rows += [("Sensor", sensor.name, 1, sensor.why) for sensor in plan.sensors]
    return Pods(tuple(rows))


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Effect on one dependency or pipeline when a new declaration is applied over an old one."""

    what: str
    name: str
    effect: str


def changes(old: Plan, new: Plan) -> list[PlanChange]:
    """The changes between two plans: pipelines that move to other Sensors, and subscriptions that start anew.

    A Sensor that starts with a changed dependency deletes its consumer and subscribes at now
    (argo-events pkg/eventbus/jetstream/sensor/sensor_jetstream.go), unless both renderings keep it
    (`sensors.creation.CreationMode.keeps_events`).
    """
    keeps_events = old.creation_mode.keeps_events and new.creation_mode.keeps_events

    def places(plan: Plan) -> dict[tuple[str, str], str]:
        return {
            (pipeline, dependency.event_name): f"{sensor.name}/{dependency.name}"
            for sensor in plan.sensors
            for dependency in sensor.dependencies
            for pipeline in dependency.pipelines
        }

    def programs(plan: Plan) -> dict[str, str]:
        return {
            f"{sensor.name}/{dependency.name}": dependency.program.text if dependency.program else ""
            for sensor in plan.sensors
            for dependency in sensor.dependencies
        }

    before, after = places(old), places(new)
    found = [
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
    old_programs, new_programs = programs(old), programs(new)
    for name in sorted(old_programs.keys() | new_programs.keys()):
        if name not in old_programs:
            found.append(PlanChange("subscription", name, "new: receives what arrives after it has started"))
        elif name not in new_programs:
            found.append(PlanChange("subscription", name, "removed"))
        elif old_programs[name] != new_programs[name]:
            found.append(
                PlanChange(
                    "subscription",
                    name,
                    "changed: what waits on the bus is decided by the new table"
                    if keeps_events
                    else "changed: starts anew; what waits on the bus at that moment is not delivered",
                )
            )
    return found
