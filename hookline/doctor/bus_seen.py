"""Answers of a bus's servers, as checks look at them: what was seen last, and why nothing was seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bus.names import STREAM, consumer
from hookline.doctor.bus_report import BusServer, Stream, Subscription, subscription
from hookline.doctor.facts import Facts, Unread
from hookline.doctor.findings import Finding, unchecked
from hookline.plan.planning import Plan

__all__ = [
    "Trigger",
    "asked_last",
    "cannot_ask",
    "numbers",
    "restart",
    "streams",
    "triggers",
    "without_stream",
]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger that must subscribe."""

    sensor: str
    name: str
    consumer: str


def asked_last(facts: Facts) -> tuple[BusServer, ...]:
    """The servers as they were asked last."""
    samples = facts.bus_samples
    return () if isinstance(samples, Unread) or not samples else samples[-1]


def cannot_ask(facts: Facts, servers: Iterable[BusServer]) -> Finding | None:
    """Why nothing is known of the bus; None if a server has answered."""
    if isinstance(facts.bus_samples, Unread):
        return unchecked(facts.bus_samples.why)
    found = list(servers)
    if not found:
        return unchecked("the bus has no pods")
    if any(each.report is not None for each in found):
        return None
    if any(each.forbidden for each in found):
        return unchecked("it needs the right to get pods/proxy in the namespace of the bus")
    return unchecked("no server of the bus answers")


def without_stream(facts: Facts, servers: Iterable[BusServer]) -> Finding | None:
    """Why nothing can be said of what is on the bus; None if the stream is there."""
    asked = list(servers)
    if (refusal := cannot_ask(facts, asked)) is not None:
        return refusal
    return None if STREAM in streams(asked) else unchecked("the stream is not there")


def streams(servers: Iterable[BusServer]) -> dict[str, Stream]:
    """The streams that any server has, by name."""
    found: dict[str, Stream] = {}
    for each in servers:
        if each.report is not None:
            found |= each.report.streams
    return found


def triggers(plan: Plan) -> Iterator[Trigger]:
    """Every trigger of a plan's Sensors."""
    for sensor in plan.sensors:
        for dependency in sensor.dependencies:
            for name in dependency.triggers:
                yield Trigger(sensor.name, name, consumer(sensor.name, name, dependency.name))


def numbers(plan: Plan, servers: Iterable[BusServer]) -> dict[str, Subscription]:
    """Consumer → its numbers, for each trigger of which a server knows them."""
    asked = list(servers)
    found = ((each.consumer, subscription(asked, each.consumer)) for each in triggers(plan))
    return {name: each for name, each in found if each is not None}


def restart(plan: Plan, sensor: str) -> str:
    """The command that restarts a Sensor's pods."""
    return f"kubectl -n {plan.namespace} rollout restart deployment -l sensor-name={sensor}"
