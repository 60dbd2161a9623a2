"""Receiving: which delivery of a file is meant, and which source receives it."""

import re
from collections.abc import Sequence
from pathlib import Path

from events.delivery import BusEvent, Delivery, DeliveryError, Refusal, bus_event
from events.eventsource import Endpoint
from events.host import Host, host, host_names
from events.scalars import is_placeholder
from hookline.output import plural
from hookline.plan.planning import Plan
from sensors.program import reader

__all__ = ["chosen", "file_and_number", "receiver"]

_NUMBERED = re.compile(r"(?P<file>.+)#(?P<number>[1-9][0-9]{0,6})", re.DOTALL)
_LISTED = 10
"""Deliveries that a message names."""


def file_and_number(given: str, folder: Path) -> tuple[str, int | None]:
    """The file of FILE#2, and which of its deliveries is meant; a file that has such a name is meant itself."""
    numbered = _NUMBERED.fullmatch(given)
    if numbered is None or (folder / given).exists():
        return given, None
    return numbered["file"], int(numbered["number"])


def chosen(
    plan: Plan, found: Sequence[Delivery | BusEvent], number: int | None, given: str
) -> Delivery | BusEvent:
    """The one event that is meant.

    Args:
        plan: Of the declaration.
        found: The events of a file, at least one.
        number: Which of them, from 1; None where the user does not say it.
        given: Name of the file, for the message.

    Raises:
        DeliveryError: There is no such number, or several could be meant.
    """
    if number is not None:
        if number > len(found):
            raise DeliveryError(
                f"the file holds {plural(len(found), 'event')}, so there is no number {number}"
            )
        return found[number - 1]
    paths = {each.path for each in plan.endpoints.values()}
    here = [each for each in found if isinstance(each, Delivery) and each.webhook_path in paths]
    if len(here) == 1:
        return here[0]
    if len(found) == 1:
        return found[0]
    named = [f"{given}#{place}{_label(each)}" for place, each in enumerate(found[:_LISTED], 1)]
    more = f", and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise DeliveryError(
        f"the file holds {len(found)} deliveries; choose one by its number: {', '.join(named)}{more}"
    )


def _label(event: Delivery | BusEvent) -> str:
    if isinstance(event, BusEvent):
        return ""
    names = (event.header(name) for name in ("X-Gitlab-Event", *sorted(_event_headers())))
    words = [next((name for name in names if name), ""), event.webhook_path or ""]
    text = " at ".join(word[:60] for word in words if word)
    return f" ({text})" if text else ""


def receiver(plan: Plan, delivery: Delivery, source: str | None) -> Endpoint:
    """The source that receives a delivery.

    Raises:
        DeliveryError: There is none, or two could receive it and the user does not say which.
    """
    if not plan.endpoints:
        raise DeliveryError("nothing is declared under sources:, so no delivery can arrive")
    if source is not None:
        if source not in plan.endpoints:
            raise DeliveryError(f'there is no source "{source}"; sources: {", ".join(plan.endpoints)}')
        return plan.endpoints[source]
    every = plan.endpoints.values()
    candidates = [each for each in every if delivery.path in {None, each.path}]
    # A path that is filled in the cluster may be any.
    candidates = candidates or [each for each in every if is_placeholder(each.path)]
    if not candidates:
        raise DeliveryError(
            f"no source has the endpoint {delivery.path}; endpoints: {', '.join(each.path for each in every)}"
        )
    at_its_path = [each for each in candidates if each.path == delivery.webhook_path]
    candidates = at_its_path or candidates
    if len(candidates) > 1:
        candidates = _readers(delivery, _senders(delivery, candidates))
    if len(candidates) != 1:
        possible = ", ".join(each.name for each in candidates) or ", ".join(plan.endpoints)
        raise DeliveryError(f"name the source that receives it with --source; sources: {possible}")
    return candidates[0]


def _event_headers() -> frozenset[str]:
    """The headers in which any host names its event."""
    return frozenset(header for name in host_names() for header in host(name).event_headers)


def _senders(delivery: Delivery, candidates: list[Endpoint]) -> list[Endpoint]:
    """The candidates whose host's headers fit best.

    Gitea and Forgejo name the event in their own header first, and then in those of the hosts that they resemble.
    """
    present = {name for name in _event_headers() if delivery.header(name)}

    def rank(sender: Host) -> tuple[int, int]:
        own = [place for place, name in enumerate(sender.event_headers) if name in present]
        return len(present - set(sender.event_headers)), own[0] if own else 0

    possible = [
        each for each in candidates if not each.host.event_headers or present & set(each.host.event_headers)
    ]
    best = min((rank(each.host) for each in possible), default=None)
    return [each for each in possible if rank(each.host) == best]


def _readers(delivery: Delivery, candidates: list[Endpoint]) -> list[Endpoint]:
    """The candidates whose host's program reads most of it: the kind of event, or at least what it is about."""
    if len(candidates) < 2:
        return candidates
    read = {each.name: _reads(delivery, each) for each in candidates}
    best = max(read.values())
    return [each for each in candidates if read[each.name] == best > 0]


def _reads(delivery: Delivery, endpoint: Endpoint) -> int:
    """2 if the kind of the event is read, 1 if only what it is about, 0 if nothing."""
    try:
        event = bus_event(delivery, endpoint.host, endpoint.event_source, endpoint.name)
    except Refusal:
        return 0
    found = reader(endpoint.host, endpoint.name).canonical(event.text())
    return 2 if found.get("kind") != "other" else int(found.get("repository") is not None)
