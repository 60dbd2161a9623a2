"""Deliveries: what a host sent, as the event that goes on the bus."""

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.host import Host
from events.request import Delivery, Refusal, canonical_header

__all__ = ["BusEvent", "Delivery", "DeliveryError", "Refusal", "bus_event", "canonical_header", "rfc3339"]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class DeliveryError(ValueError):
    """An event file that cannot be read; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class BusEvent:
    """An event as Argo Events puts it on its bus."""

    event_source: str
    event_name: str
    data: Mapping[str, Any]
    context: Mapping[str, str] = field(default_factory=dict)
    """id and time (RFC 3339, seconds, UTC) where known."""
    concluded: bool = False
    """Whether the source follows from the headers and the payload alone: neither the user nor a path names it."""

    def text(self) -> str:
        """The data as JSON; half of a surrogate pair becomes U+FFFD, as Go reads it (libjq would refuse it)."""
        return _LONE_SURROGATE.sub("\ufffd", json.dumps(self.data, ensure_ascii=False))


def rfc3339(time: datetime.datetime) -> str:
    """Seconds, UTC, as Kubernetes writes times.

    Raises:
        OverflowError: In UTC it lies before the year 1 or after 9999.
    """
    return time.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def bus_event(delivery: Delivery, host: Host, event_source: str, event_name: str) -> BusEvent:
    """Read a delivery as the event source does.

    Raises:
        Refusal: It would answer with an error.
    """
    return BusEvent(event_source, event_name, host.receiver.event_data(delivery))
