"""Checks of the bus: its servers, their group, the stream, and the subscriptions of Sensors."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hookline.doctor.bus_report import BusServer, Stream, Subscription, subscription
from hookline.doctor.facts import Facts, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning
from hookline.output import plural
from hookline.plan.planning import Plan
from sensors.bus import STREAM, BusNames, consumer

__all__ = ["backlog", "bus_group", "event_bus", "lost_stream", "stream_limits", "subscriptions"]

FULL = 0.8
"""Part of a limit at which events that wait are in danger."""
_DURATION = re.compile(r"([0-9.]+)(ms|h|m|s)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class _Trigger:
    """A trigger that must subscribe."""

    sensor: str
    name: str
    consumer: str


def event_bus(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The EventBus is there, its pods are ready, its servers are healthy."""
    name = plan.declaration.cluster.event_bus.name
    if facts.bus_settings is None:
        makes = "hookline apply" if plan.declaration.cluster.event_bus.create else ""
        yield broken(f"there is no EventBus {name} in {plan.namespace}", *([makes] if makes else []))
        return
    if isinstance(facts.bus_settings, Unread):
        yield unchecked(facts.bus_settings.why)
        return
    well = True
    if isinstance(facts.not_ready, Unread):
        yield unchecked(facts.not_ready.why)
        well = False
    else:
        for each, why in facts.not_ready.items():
            if each.kind == "EventBus":
                well = False
                pods = f"kubectl -n {plan.namespace} describe pods -l eventbus-name={name}"
                yield broken(f"EventBus {name} is not ready: {why}", pods)
    for server in _last(facts):
        if not server.forbidden and server.health:
            well = False
            yield broken(
                f"server {server.pod} of the bus is not healthy: {server.health}",
                f"kubectl -n {plan.namespace} logs {server.pod} -c main --tail=50",
            )
    if well:
        yield ok(f"EventBus {name} is ready")


def bus_group(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The servers form one group with all of them in it."""
    servers = _last(facts)
    if (refusal := _cannot_ask(facts, servers)) is not None:
        yield refusal
        return
    reports = {each.pod: each.report for each in servers if each.report is not None}
    if len(servers) == 1:
        yield ok("one server; it needs no group")
        return
    groups = {pod: report.group for pod, report in reports.items() if report.group is not None}
    led = {pod: {pod, *group.others} for pod, group in groups.items() if group.leader == pod}
    if not led:
        yield broken(
            f"the {plural(len(servers), 'server')} of the bus have no leader: the bus takes and gives no event",
            f"kubectl -n {plan.namespace} get pods -l eventbus-name={plan.declaration.cluster.event_bus.name}",
        )
        return
    largest = max(led.values(), key=len)
    outside = [server for server in servers if server.pod not in largest]
    if not outside:
        yield ok(f"{plural(len(servers), 'server')} in one group")
    for server in outside:
        yield broken(
            f"the bus's group of servers formed without {server.pod}: it refuses streams of {len(servers)} copies",
            f"kubectl -n {plan.namespace} delete pod {server.pod}",
        )


def lost_stream(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The stream of events and the state of each Sensor are on the bus."""
    servers = _last(facts)
    if (refusal := _cannot_ask(facts, servers)) is not None:
        yield refusal
        return
    streams = _streams(servers)
    if STREAM not in streams:
        yield broken(
            "the bus has lost its stream: every delivery is answered with 500, and no Sensor receives events. Restart the Sensors "
            "before any event source, or deliveries of the time between start nothing",
            f"kubectl -n {plan.namespace} rollout status statefulset/{_names(plan).stateful_set} --timeout=2m",
            f"kubectl -n {plan.namespace} rollout restart deployment -l controller=sensor-controller",
            f"kubectl -n {plan.namespace} rollout status deployment -l controller=sensor-controller --timeout=2m",
        )
        return
    lost = [sensor for sensor in plan.sensors if f"KV_{sensor.name}" not in streams]
    if not lost:
        yield ok("the stream and the state of every Sensor are on the bus")
    for sensor in lost:
        yield broken(
            f"the bus has no state of Sensor {sensor.name}, which the Sensor makes when it starts",
            _restart(plan, sensor.name),
        )


def stream_limits(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The stream keeps events as long, and in as many copies, as the EventBus asks; nothing that waits is in danger."""
    servers = _last(facts)
    stream = _streams(servers).get(STREAM)
    if stream is None:
        yield _cannot_ask(facts, servers) or unchecked("the stream is not there")
        return
    if stream.copies < len(servers):
        yield warning(
            f"the stream has {plural(stream.copies, 'copy').replace('copys', 'copies')} on {len(servers)} servers: the loss of one server "
            "can lose what waits"
        )
    wanted = _wanted_seconds(facts.bus_settings)
    if wanted is not None and wanted != stream.max_age_seconds:
        yield warning(
            f"the EventBus asks for {_span(wanted)}, and the stream keeps events for {_span(stream.max_age_seconds)}: Argo Events never "
            "changes a stream that exists"
        )
    waiting = max((each.waiting_events for each in _numbers(plan, servers).values()), default=0)
    if stream.max_messages and waiting > FULL * stream.max_messages:
        yield broken(
            f"{waiting:,} events wait and the stream keeps {stream.max_messages:,}: the oldest will be dropped before they run"
        )
    elif stream.max_bytes and stream.bytes > FULL * stream.max_bytes and waiting:
        yield warning(
            f"the stream holds {stream.bytes:,} of {stream.max_bytes:,} bytes, and {waiting:,} events wait: the oldest may be dropped before they run"
        )
    most = f", at most {stream.max_messages:,} events" if stream.max_messages else ""
    yield ok(
        f"the stream keeps events for {_span(stream.max_age_seconds)}{most}; it holds {stream.messages:,}"
    )


def subscriptions(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """Every trigger has a subscription and asks for events."""
    servers = _last(facts)
    if (refusal := _cannot_ask(facts, servers)) is not None:
        yield refusal
        return
    if STREAM not in _streams(servers):
        yield unchecked("the stream is not there")
        return
    known = frozenset[str]().union(*(each.report.known for each in servers if each.report is not None))
    missing: dict[str, list[str]] = {}
    silent: dict[str, list[str]] = {}
    count = 0
    for trigger in _triggers(plan):
        count += 1
        if trigger.consumer not in known:
            missing.setdefault(trigger.sensor, []).append(trigger.name)
        elif _silent(facts, trigger.consumer):
            silent.setdefault(trigger.sensor, []).append(trigger.name)
    for sensor, names in missing.items():
        yield broken(
            f"{plural(len(names), 'trigger')} of Sensor {sensor} {_have(names)} no subscription on the bus, and {_receive(names)} nothing: "
            f"{_some(names)}",
            _restart(plan, sensor),
        )
    for sensor, names in silent.items():
        yield broken(
            f"{plural(len(names), 'trigger')} of Sensor {sensor} no longer {'asks' if len(names) == 1 else 'ask'} the bus for events: "
            f"{_some(names)}. What waits runs after a restart",
            _restart(plan, sensor),
        )
    if not missing and not silent:
        yield ok(f"{plural(count, 'trigger')} subscribed")


def backlog(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """No trigger lets events wait without finishing any."""
    servers = _last(facts)
    if (refusal := _cannot_ask(facts, servers)) is not None:
        yield refusal
        return
    if STREAM not in _streams(servers):
        yield unchecked("the stream is not there")
        return
    if isinstance(facts.bus_samples, Unread) or len(facts.bus_samples) < 2:
        yield unchecked("the bus was asked only once")
        return
    before, after = _numbers(plan, facts.bus_samples[0]), _numbers(plan, facts.bus_samples[-1])
    total = sum(each.waiting_events + each.unacknowledged for each in after.values())
    stuck = 0
    for trigger in _triggers(plan):
        one, two = before.get(trigger.consumer), after.get(trigger.consumer)
        if one is None or two is None or two.finished > one.finished:
            continue
        if two.waiting_events > one.waiting_events > 0 or (two.waiting_events and not two.asking):
            stuck += 1
            yield broken(
                f"{plural(two.waiting_events, 'event')} for trigger {trigger.name} of Sensor {trigger.sensor} wait, and it has finished none "
                "meanwhile. Its log says whether it retries",
                f"kubectl -n {plan.namespace} logs -l sensor-name={trigger.sensor} --tail=50",
                _restart(plan, trigger.sensor),
            )
        elif two.unacknowledged and one.unacknowledged:
            yield warning(
                f"trigger {trigger.name} of Sensor {trigger.sensor} has worked on one event for seconds: it may be retrying",
                f"kubectl -n {plan.namespace} logs -l sensor-name={trigger.sensor} --tail=50",
            )
    if not stuck:
        yield ok(f"{plural(total, 'event')} under way" if total else "no event waits")


def _last(facts: Facts) -> tuple[BusServer, ...]:
    samples = facts.bus_samples
    return () if isinstance(samples, Unread) or not samples else samples[-1]


def _cannot_ask(facts: Facts, servers: Iterable[BusServer]) -> Finding | None:
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


def _streams(servers: Iterable[BusServer]) -> dict[str, Stream]:
    found: dict[str, Stream] = {}
    for each in servers:
        if each.report is not None:
            found |= each.report.streams
    return found


def _triggers(plan: Plan) -> Iterator[_Trigger]:
    for sensor in plan.sensors:
        for dependency in sensor.dependencies:
            for name in dependency.triggers:
                yield _Trigger(sensor.name, name, consumer(sensor.name, name, dependency.name))


def _numbers(plan: Plan, servers: Iterable[BusServer]) -> dict[str, Subscription]:
    asked = list(servers)
    found = ((each.consumer, subscription(asked, each.consumer)) for each in _triggers(plan))
    return {name: numbers for name, numbers in found if numbers is not None}


def _silent(facts: Facts, name: str) -> bool:
    """Whether a trigger had no request for events open in any of several samples, and nothing in hand.

    A Sensor asks again as soon as a request has ended after a second (argo-events pkg/eventbus/jetstream/sensor/trigger_conn.go).
    """
    if isinstance(facts.bus_samples, Unread) or len(facts.bus_samples) < 3:
        return False
    seen = [subscription(sample, name) for sample in facts.bus_samples]
    return all(each is not None and not each.asking and not each.unacknowledged for each in seen)


def _wanted_seconds(settings: Mapping[str, Any] | Unread | None) -> float | None:
    """How long an EventBus asks the stream to keep events; None if it does not say."""
    if settings is None or isinstance(settings, Unread):
        return None
    text = (settings.get("jetstream") or {}).get("streamConfig") or ""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    said = str(read.get("maxAge", "")) if isinstance(read, dict) else ""
    parts = _DURATION.findall(said)
    if not parts or "".join(number + unit for number, unit in parts) != said:
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def _span(seconds: float) -> str:
    if not seconds:
        return "ever"
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"


def _names(plan: Plan) -> BusNames:
    return BusNames(plan.declaration.cluster.event_bus.name)


def _restart(plan: Plan, sensor: str) -> str:
    return f"kubectl -n {plan.namespace} rollout restart deployment -l sensor-name={sensor}"


def _have(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _receive(names: list[str]) -> str:
    return "receives" if len(names) == 1 else "receive"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
