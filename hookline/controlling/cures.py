"""The next step of the cure of a broken bus, by doctor's checks. Pure; docs/runbooks/HooklineBusLost.md has the order in words."""

from dataclasses import dataclass
from typing import Literal

from hookline.doctor.bus_checks import bus_group, event_bus, is_lost, left_out, stateless
from hookline.doctor.facts import Facts, Unread
from hookline.plan.planning import Plan

__all__ = ["Cure", "all_sensors_ready", "next_cure"]


@dataclass(frozen=True, slots=True)
class Cure:
    """One step."""

    step: Literal["server", "sensors"]
    """server: restart one server of the bus. sensors: restart Sensors."""
    names: tuple[str, ...]
    """The pod of the server; names of Sensors, none for every one of the bus."""


def next_cure(plan: Plan, facts: Facts) -> Cure | None:
    """The step that is due; None if nothing is broken, or the servers are not there yet, or nothing is proven.

    The servers come first, each at a time: a group without one of them refuses the stream. Then the Sensors, which make the stream and subscribe.
    Event sources are left alone: one that starts before the Sensors makes a stream to which nobody has subscribed.
    """
    if any(each.state != "ok" for each in event_bus(plan, facts)):
        return None
    if outside := left_out(facts):
        return Cure("server", outside[:1])
    if any(each.state != "ok" for each in bus_group(plan, facts)):
        # Without a leader no stream can be made.
        return None
    if is_lost(plan, facts):
        return Cure("sensors", ())
    if lost := stateless(plan, facts):
        return Cure("sensors", lost)
    return None


def all_sensors_ready(facts: Facts) -> bool:
    """Whether every Sensor is ready: one that starts just now may make the stream by itself."""
    return not isinstance(facts.not_ready, Unread) and all(each.kind != "Sensor" for each in facts.not_ready)
