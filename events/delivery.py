"""Deliveries: what a host sent, in any of the forms in which a person has it, as the event that goes on the bus."""

import binascii
import datetime
import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.host import Host
from events.request import Delivery, Refusal, canonical_header

__all__ = ["BusEvent", "Delivery", "DeliveryError", "Refusal", "bus_event", "canonical_header", "parse"]

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[0-9.]+\r?\n")
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

    def text(self) -> str:
        """The data as JSON; half of a surrogate pair becomes U+FFFD, as Go reads it (libjq would refuse it)."""
        return _LONE_SURROGATE.sub("\ufffd", json.dumps(self.data, ensure_ascii=False))


def _headers(pairs: Any) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values = tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)
        found[canonical_header(str(name))] = found.get(canonical_header(str(name)), ()) + values
    return found


def parse(content: bytes, headers: Mapping[str, str]) -> Delivery | BusEvent:
    """Read an event file.

    Args:
        content: A raw HTTP request; a delivery that GitHub saved (its REST API, `hook deliveries`); a CloudEvent in
            JSON, as it stands on the bus; or a bare body.
        headers: Headers to add, such as X-GitHub-Event beside a bare body.

    Raises:
        DeliveryError: The content is none of these.
    """
    if not content.strip():
        raise DeliveryError("the event is empty")
    if request := _REQUEST_LINE.match(content):
        return _raw_request(request, content, headers)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return Delivery(_headers(headers.items()), content)
    if isinstance(value, dict):
        if isinstance(value.get("specversion"), str):
            return _cloud_event(content)
        saved = value.get("request")
        if isinstance(saved, dict) and isinstance(saved.get("headers"), dict) and "payload" in saved:
            body = json.dumps(saved["payload"]).encode()
            merged = _headers([*saved["headers"].items(), *headers.items()])
            if isinstance(value.get("event"), str) and "X-Github-Event" not in merged:
                merged["X-Github-Event"] = (value["event"],)
            return Delivery(merged, body, exact_body=False)
    return Delivery(_headers(headers.items()), content)


def _raw_request(request: re.Match[bytes], content: bytes, headers: Mapping[str, str]) -> Delivery:
    if request["method"] != b"POST":
        raise DeliveryError(
            f"the request's method is {request['method'].decode()}; webhooks are POST requests"
        )
    # The head may end lines with LF alone, as editors do; the body stays byte for byte.
    head, _, body = content[request.end() :].partition(b"\r\n\r\n")
    if b"\n\n" in head or not body:
        head, _, body = content[request.end() :].partition(b"\n\n")
    pairs: list[tuple[str, str]] = []
    for line in head.decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise DeliveryError(
                f"not a header line in the request: {line[:60]!r}; expected Name: value, then an empty line and the body"
            )
        pairs.append((name, value.strip()))
    path = urllib.parse.urlsplit(request["target"].decode("latin-1")).path
    return Delivery(_headers([*pairs, *headers.items()]), body, path=path)


def _cloud_event(content: bytes) -> BusEvent:
    from cloudevents.core.exceptions import CloudEventValidationError  # noqa: PLC0415 - slow to load, rarely needed
    from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415

    try:
        event = JSONFormat().read(None, content)
    except (CloudEventValidationError, ValueError, TypeError, binascii.Error, KeyError) as error:
        raise DeliveryError(f"not a valid CloudEvent: {str(error)[:200]}") from error
    data = event.get_data()
    if isinstance(data, bytes | str):
        try:
            data = json.loads(data)
        except ValueError:
            data = None
    if not isinstance(data, dict):
        raise DeliveryError(
            "the CloudEvent's data is not a JSON object; an event on the bus of Argo Events has one"
        )
    time = event.get_time()
    context = {"id": str(event.get_id())}
    if time is not None:
        context["time"] = rfc3339(time)
    return BusEvent(str(event.get_source()), str(event.get_subject() or ""), data, context)


def rfc3339(time: datetime.datetime) -> str:
    """Seconds, UTC, as Kubernetes writes times."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bus_event(delivery: Delivery, host: Host, event_source: str, event_name: str) -> BusEvent:
    """What the event source makes of a delivery.

    Raises:
        Refusal: It would answer with an error.
    """
    return BusEvent(event_source, event_name, host.receiver.event_data(delivery))
