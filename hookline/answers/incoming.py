"""Incoming events: from the argument of -e to an event on the bus, or to the refusal that the host would get."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from events import nested_json
from events.delivery import (
    BusEvent,
    Delivery,
    DeliveryError,
    Refusal,
    bus_event,
    canonical_header,
    rfc3339,
)
from events.event_files import parse
from events.host import Host
from events.signatures import verify
from hookline.answers.receiving import chosen, receiver
from hookline.plan.planning import Plan
from hookline.plan.schedules import FiringSchedule

__all__ = ["LARGEST_EVENT_BYTES", "SCHEDULE", "EventOptions", "incoming", "read_files"]

SCHEDULE = "schedule:"
LARGEST_EVENT_BYTES = 64 * 1024 * 1024
"""Most bytes of an event, and of a list of changed files; the largest deliveries of hosts have 25 MiB (GitHub, Webhook events and
payloads)."""


@dataclass(frozen=True, slots=True)
class EventOptions:
    """An event as the user gives it."""

    source: str | None = None
    headers: Mapping[str, str] | None = None
    secret: bytes | None = None
    number: int | None = None
    """Which delivery of a file with several, from 1."""
    now: datetime.datetime | None = None


def incoming(plan: Plan, given: str, content: bytes | None, options: EventOptions) -> BusEvent:
    """The event as Argo Events puts it on its bus.

    Args:
        plan: Of the declaration.
        given: What stands after -e: a file name, or schedule:PIPELINE.
        content: Of the file; None for a schedule.
        options: What else is known of the event.

    Raises:
        DeliveryError: The event cannot be read, or it is not clear which source receives it.
        Refusal: The event source would refuse it.
    """
    now = options.now or datetime.datetime.now(datetime.UTC)
    if content is None:
        if options.source is not None or options.headers or options.secret is not None:
            raise DeliveryError(
                "the fire time of a schedule has no source, no headers and no secret; leave them out"
            )
        event = _scheduled(plan, given.removeprefix(SCHEDULE), options.now, now)
    else:
        found = parse(content, options.headers or {}, options.source, _known_host(plan, options.source))
        parsed = chosen(plan, found, options.number, given)
        event = (
            _on_the_bus(parsed, options) if isinstance(parsed, BusEvent) else _received(plan, parsed, options)
        )
    return replace(event, context={"id": "simulated", "time": rfc3339(now), **event.context})


def _on_the_bus(event: BusEvent, options: EventOptions) -> BusEvent:
    """An event that was received before; what only its delivery had is refused."""
    if options.headers or options.secret is not None:
        raise DeliveryError(
            "the event stands on the bus, so its source has read the headers and checked the signature; leave the headers and the secret out"
        )
    if options.now is not None and "time" in event.context:
        raise DeliveryError(f"the event has a time of its own, {event.context['time']}; leave the time out")
    return event


def _known_host(plan: Plan, source: str | None) -> Host | None:
    """The host that sends, where the source is given or the only one."""
    named = [each for each in plan.endpoints.values() if source in {None, each.name}]
    return named[0].host if len(named) == 1 else None


def _scheduled(plan: Plan, named: str, given: datetime.datetime | None, now: datetime.datetime) -> BusEvent:
    """The event of a schedule at a given minute; without one, at its next fire time.

    Args:
        plan: That has the schedules.
        named: PIPELINE: whichever of its schedules fires; PIPELINE/NAME: the one of that name.
        given: The minute.
        now: The time after which the next fire time is looked for.

    Raises:
        DeliveryError: There is no such schedule.
        Refusal: It does not fire then.
    """
    pipeline, slash, name = named.partition("/")
    every = plan.schedules_of(pipeline)
    if not every:
        known = ", ".join(plan.scheduled) or "none"
        raise DeliveryError(f'pipeline "{pipeline}" has no schedule; with a schedule: {known}')
    schedules = [each for each in every if not slash or each.schedule == name]
    if not schedules:
        known = ", ".join(dict.fromkeys(each.schedule for each in every if each.schedule)) or "none"
        raise DeliveryError(f'"{pipeline}" has no schedule named "{name}"; named: {known}')
    coming = [
        (time, place) for place, each in enumerate(schedules) if (time := each.next_fire(now)) is not None
    ]
    upcoming, place = min(coming, default=(None, 0))
    schedule = schedules[place]
    if given is None:
        if upcoming is None:
            raise Refusal("SCHEDULE", f"every fire time of {pipeline} is excluded")
        given = upcoming
    else:
        silences = [each.silence(given) for each in schedules]
        if None not in silences:
            then = f"; it fires next on {upcoming:%a %Y-%m-%d %H:%M %z}" if upcoming else ""
            reasons = "; ".join(dict.fromkeys(each for each in silences if each))
            raise Refusal(
                "SCHEDULE", f"{pipeline} does not fire at {_minute(given, schedule)}: {reasons}{then}"
            )
        schedule = schedules[silences.index(None)]
    fired = rfc3339(given)
    return BusEvent(plan.event_source_of(schedule.name), schedule.name, {"eventTime": fired}, {"time": fired})


def _minute(time: datetime.datetime, schedule: FiringSchedule) -> str:
    return f"{time.astimezone(schedule.zone):%Y-%m-%d %H:%M %z}"


def _received(plan: Plan, delivery: Delivery, options: EventOptions) -> BusEvent:
    for name in options.headers or ():
        if len(delivery.headers.get(canonical_header(name), ())) > 1:
            raise DeliveryError(f"the request has the header {name} already; leave yours out")
    endpoint = receiver(plan, delivery, options.source)
    named = endpoint.host.event_headers
    if named and not any(delivery.header(header) for header in named):
        raise DeliveryError(
            f"{endpoint.host.title} names the event in a header; give it with --header '{named[0]}: push'"
        )
    if options.secret is not None:
        try:
            verify(delivery, endpoint.host, options.secret)
        except ValueError as error:
            raise DeliveryError(str(error)) from error
    concluded = options.source is None and delivery.path is None and len(plan.endpoints) > 1
    found = bus_event(delivery, endpoint.host, endpoint.event_source, endpoint.name)
    return replace(found, concluded=concluded)


def read_files(content: bytes) -> list[str]:
    """Changed files, one a line, or a JSON list.

    Raises:
        DeliveryError: It is neither.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DeliveryError(f"the byte 0x{content[error.start]:02x} at {error.start} is not UTF-8") from error
    if text.lstrip().startswith("["):
        try:
            names = nested_json.loads(text, json.loads)
        except ValueError as error:
            raise DeliveryError(f"not a JSON list: {error}") from error
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DeliveryError("expected a JSON list of paths")
        return names
    # A name may hold what Python takes for a line end, such as U+0085; git prints a line feed after each.
    return [name for line in text.split("\n") if (name := line.removesuffix("\r"))]
