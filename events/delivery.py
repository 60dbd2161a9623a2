"""Deliveries: what a host sent, in any of the forms in which a person has it, as the event that goes on the bus."""

import binascii
import datetime
import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from events.eventsource import MAX_PAYLOAD_BYTES
from events.host import Host

__all__ = ["BusEvent", "Delivery", "DeliveryError", "Refusal", "bus_event", "canonical_header", "parse"]

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[0-9.]+\r?\n")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MASKED = "*** Masked Auth Secret ***"
_DEEPEST = 1_000
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class DeliveryError(ValueError):
    """An event file that cannot be read; the message is a sentence for the user."""


class Refusal(Exception):
    """The event source would answer this delivery with an error, and nothing would reach the bus."""

    def __init__(self, reason: Literal["SIGNATURE", "PAYLOAD"], message: str) -> None:
        super().__init__(message)
        self.reason: Literal["SIGNATURE", "PAYLOAD"] = reason


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request of a host."""

    headers: Mapping[str, tuple[str, ...]]
    """Names in Go's canonical case."""
    body: bytes
    path: str | None = None
    """Path of the request, where the form of the event tells it."""
    exact_body: bool = True
    """Whether the body is byte for byte what the host sent, so that a signature can be checked."""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        values = self.headers.get(canonical_header(name), ())
        return values[0] if values else None


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


def canonical_header(name: str) -> str:
    """A header name as Go spells it (net/textproto CanonicalMIMEHeaderKey)."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


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
    if len(delivery.body) > MAX_PAYLOAD_BYTES:
        raise Refusal(
            "PAYLOAD", f"the body has {len(delivery.body):,} bytes, the endpoint takes {MAX_PAYLOAD_BYTES:,}"
        )
    headers = {
        name: [_MASKED] if name == "Authorization" else list(values)
        for name, values in delivery.headers.items()
    }
    content_type = delivery.header("Content-Type")
    if host.receiver == "github":
        body = _json(_form_payload(delivery.body) if _github_media_type(delivery) == _FORM else delivery.body)
        if not isinstance(body, dict):
            raise Refusal("PAYLOAD", "the body is not a JSON object")
        body["X-GitHub-Event"] = delivery.header("X-GitHub-Event") or ""
        body["X-GitHub-Delivery"] = delivery.header("X-GitHub-Delivery") or ""
        return BusEvent(event_source, event_name, {"headers": headers, "body": body})
    form = content_type == _FORM  # this source compares the whole header
    body = urllib.parse.parse_qs(delivery.body.decode("utf-8", "replace")) if form else _json(delivery.body)
    return BusEvent(event_source, event_name, {"header": headers, "body": body})


def _github_media_type(delivery: Delivery) -> str:
    """What go-github's ValidatePayload makes of the Content-Type; a bare body is taken for JSON."""
    given = delivery.header("Content-Type")
    if given is None and delivery.path is None:
        return _JSON
    media_type = (given or "").partition(";")[0].strip().lower()
    if media_type not in {_JSON, _FORM}:
        raise Refusal("PAYLOAD", f"the Content-Type is {media_type[:60]!r}, not {_JSON}; the answer is 400")
    return media_type


def _form_payload(body: bytes) -> bytes:
    values = urllib.parse.parse_qs(body.decode("utf-8", "replace")).get("payload")
    if not values:
        raise Refusal(
            "PAYLOAD", "the form has no field payload; set the webhook's content type to application/json"
        )
    return values[0].encode()


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is out of range")
    return number


def _json(body: bytes) -> Any:
    """The body as Go's encoding/json reads it: bad UTF-8 replaced, no NaN, numbers in range."""
    try:
        value = json.loads(
            body.decode("utf-8", "replace"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except ValueError as error:
        raise Refusal("PAYLOAD", f"the body is not JSON: {str(error)[:100]}") from error
    except RecursionError as error:
        raise Refusal("PAYLOAD", "the body is nested too deeply") from error
    if _depth(value) > _DEEPEST:
        raise Refusal("PAYLOAD", "the body is nested too deeply")
    return value


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 16 else _finite(text)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        if depth > _DEEPEST:
            break
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth
