"""Checks of the bus: its servers, their group, and the stream."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from bus.names import STREAM, BusNames
from hookline.applying.readiness import ABSENT
from hookline.doctor.bus_report import BusServer, Group
from hookline.doctor.bus_seen import asked_last, cannot_ask, numbers, restart, streams, without_stream
from hookline.doctor.facts import Facts, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning
from hookline.output import plural
from hookline.plan.planning import Plan

__all__ = [
    "bus_group",
    "event_bus",
    "is_lost",
    "left_out",
    "lost_stream",
    "stateless",
    "stream_limits",
]

FULL = 0.8
"""Part of a limit at which events that wait are in danger."""
_DURATION = re.compile(r"([0-9.]+)(ms|h|m|s)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


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
    for server in asked_last(facts):
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
    servers = asked_last(facts)
    if (refusal := cannot_ask(facts, servers)) is not None:
        yield refusal
        return
    if len(servers) == 1:
        yield ok("one server; it needs no group")
        return
    led = _led(servers)
    silent_leaders = {group.leader for group in _groups(servers).values()} - led.keys() - {""}
    if not led and silent_leaders:
        yield unchecked(f"{min(silent_leaders)}, which leads the servers of the bus, does not answer")
        return
    if not led:
        yield broken(
            f"the {plural(len(servers), 'server')} of the bus have no leader: the bus takes and gives no event",
            f"kubectl -n {plan.namespace} get pods -l eventbus-name={plan.declaration.cluster.event_bus.name}",
        )
        return
    members = max(led.values(), key=len)
    outside = [server.pod for server in servers if server.pod not in members]
    answering = left_out(facts)
    for pod in outside:
        if pod in answering:
            yield broken(
                f"the bus's group of servers formed without {pod}: it refuses streams of {len(servers)} copies",
                f"kubectl -n {plan.namespace} delete pod {pod}",
            )
        else:
            yield unchecked(f"{pod} does not answer, and is not in the group of servers")
    if not outside:
        yield ok(f"{plural(len(servers), 'server')} in one group")


def _groups(servers: Iterable[BusServer]) -> dict[str, Group]:
    """Pod → the group that its server sees."""
    return {
        each.pod: each.report.group
        for each in servers
        if each.report is not None and each.report.group is not None
    }


def _led(servers: Iterable[BusServer]) -> dict[str, set[str]]:
    """Leader → the members of its group; two groups where the servers fell apart."""
    groups = _groups(servers)
    return {pod: {pod, *group.others} for pod, group in groups.items() if group.leader == pod}


def left_out(facts: Facts) -> tuple[str, ...]:
    """Pods of the servers that answer, and without which the others formed their group."""
    servers = asked_last(facts)
    led = _led(servers)
    if len(servers) == 1 or not led:
        return ()
    members = max(led.values(), key=len)
    return tuple(each.pod for each in servers if each.pod not in members and each.report is not None)


def is_lost(plan: Plan, facts: Facts) -> bool:
    """Whether it is proven that the bus has no stream."""
    servers = asked_last(facts)
    if cannot_ask(facts, servers) is not None:
        return False
    return STREAM not in streams(servers) and not _not_to_be_judged(plan, facts, servers)


def stateless(plan: Plan, facts: Facts) -> tuple[str, ...]:
    """Sensors without their state on a bus that has its stream."""
    seen = streams(asked_last(facts))
    return tuple(each.name for each in plan.sensors if STREAM in seen and f"KV_{each.name}" not in seen)


def lost_stream(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The stream of events and the state of each Sensor are on the bus."""
    servers = asked_last(facts)
    if (refusal := cannot_ask(facts, servers)) is not None:
        yield refusal
        return
    seen = streams(servers)
    if is_lost(plan, facts):
        yield broken(
            "the bus has lost its stream: every delivery is answered with 500, and no Sensor receives events. Restart the Sensors "
            "before any event source, or deliveries of the time between start nothing",
            f"kubectl -n {plan.namespace} rollout status statefulset/{_names(plan).stateful_set} --timeout=2m",
            f"kubectl -n {plan.namespace} rollout restart deployment -l controller=sensor-controller",
            f"kubectl -n {plan.namespace} rollout status deployment -l controller=sensor-controller --timeout=2m",
        )
        return
    if STREAM not in seen:
        yield unchecked(_not_to_be_judged(plan, facts, servers))
        return
    lost = stateless(plan, facts)
    if not lost:
        yield ok("the stream and the state of every Sensor are on the bus")
    for sensor in lost:
        yield broken(
            f"the bus has no state of Sensor {sensor}, which the Sensor makes when it starts",
            restart(plan, sensor),
        )


def _not_to_be_judged(plan: Plan, facts: Facts, servers: Iterable[BusServer]) -> str:
    """Reason for which a stream that is not seen is not lost; empty if there is none."""
    quiet = [each.pod for each in servers if each.report is None]
    if quiet:
        return f"{quiet[0]} does not answer, and the stream may be there"
    absent = () if isinstance(facts.not_ready, Unread) else facts.not_ready.items()
    missing = {name.name for name, why in absent if name.kind == "Sensor" and why == ABSENT}
    if missing >= {each.name for each in plan.sensors}:
        return "the Sensors, which make the stream, are not there"
    return ""


def stream_limits(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The stream keeps events as long, and in as many copies, as the EventBus asks; nothing that waits is in danger."""
    servers = asked_last(facts)
    if (refusal := without_stream(facts, servers)) is not None:
        yield refusal
        return
    stream = streams(servers)[STREAM]
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
    waiting = max((each.waiting_events for each in numbers(plan, servers).values()), default=0)
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


def _wanted_seconds(settings: Mapping[str, Any] | Unread | None) -> float | None:
    """How long an EventBus asks the stream to keep events; None if it does not say."""
    if settings is None or isinstance(settings, Unread):
        return None
    jetstream = settings.get("jetstream")
    text = jetstream.get("streamConfig") if isinstance(jetstream, Mapping) else None
    try:
        read = yaml.safe_load(text) if isinstance(text, str) else None
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
