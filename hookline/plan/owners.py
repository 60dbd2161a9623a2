"""Owners: what of a plan belongs to one owner, and what of it others need too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hookline.output import plural
from hookline.plan.planning import Plan

__all__ = ["Owned", "objects_of", "owners", "pipelines_of", "received_by"]


@dataclass(frozen=True, slots=True)
class Owned:
    """The objects of one owner."""

    objects: tuple[dict[str, Any], ...]
    """Objects that nobody else needs, in the order in which kubectl should apply them."""
    shared: str
    """Objects that its pipelines need too, and that all owners share, in words; empty if there are none."""


def owners(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """Owner → its pipelines, both by name. A pipeline without an owner is in none of them."""
    found: dict[str, list[str]] = {}
    for name, load in plan.workloads.items():
        if load.owner is not None:
            found.setdefault(load.owner, []).append(name)
    return {owner: tuple(found[owner]) for owner in sorted(found)}


def pipelines_of(plan: Plan, owner: str) -> frozenset[str]:
    """The pipelines of an owner; none for one that the declaration does not name."""
    return frozenset(owners(plan).get(owner, ()))


def objects_of(plan: Plan, owner: str, objects: Sequence[dict[str, Any]]) -> Owned:
    """The objects of an owner: those of the namespaces in which only its pipelines run, and the CronWorkflows of its pipelines.

    Event sources, bus and Sensors carry the events of several owners, and so do the accounts in a namespace of several.

    Args:
        plan: Of the whole declaration.
        owner: One of `owners`.
        objects: All objects of the plan.
    """
    mine = pipelines_of(plan, owner)
    used = {plan.workloads[name].namespace for name in mine}
    others = {load.namespace for name, load in plan.workloads.items() if name not in mine}
    alone = used - others - {plan.namespace}
    own = [
        each
        for each in objects
        if each["metadata"].get("namespace") in alone
        or (each["kind"] == "CronWorkflow" and plan.schedules[each["metadata"]["name"]].pipeline in mine)
    ]
    return Owned(tuple(own), ", ".join(_shared(plan, mine, sorted(used - alone))))


def _shared(plan: Plan, mine: frozenset[str], namespaces: Iterable[str]) -> Iterator[str]:
    sensors = [each for each in plan.sensors if mine & each.pipelines]
    if sensors and plan.declaration.cluster.event_bus.create:
        yield f"EventBus {plan.declaration.cluster.event_bus.name}"
    yield from (f"EventSource {name}" for name, pipelines in received_by(plan).items() if mine & pipelines)
    if sensors:
        yield plural(len(sensors), "Sensor")
    for namespace in namespaces:
        yield f"the accounts and rights in {namespace}"


def received_by(plan: Plan) -> Mapping[str, frozenset[str]]:
    """EventSource → the pipelines whose events it receives."""
    found: dict[str, set[str]] = {}
    for route in plan.routes:
        found.setdefault(route.source.event_source, set()).add(route.pipeline)
    for name, entries in plan.calendars.items():
        found.setdefault(name, set()).update(plan.schedules[entry.name].pipeline for entry in entries)
    return {name: frozenset(found[name]) for name in sorted(found)}
