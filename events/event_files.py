"""Event files: a delivery or an event on the bus, in any of the forms in which a person has it.

What a file holds is decided by what the cluster would make of it: a body that a host sends stays a body, even if it looks
like one of the other forms.
"""

import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

from events import nested_json
from events.delivery import BusEvent, DeliveryError, rfc3339
from events.host import Host
from events.request import Delivery, canonical_header

__all__ = ["parse"]

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]+) (?P<target>[^ \r\n]+) HTTP/[0-9.]+\r?\n")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FORM = "application/x-www-form-urlencoded"
_BAD_HEADER_BYTES = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
"""Control characters with which Go's server refuses a request (golang.org/x/net/http/httpguts ValidHeaderFieldValue)."""


def parse(
    content: bytes, headers: Mapping[str, str], source: str | None = None, host: Host | None = None
) -> Delivery | BusEvent:
    """Read an event file.

    Args:
        content: A raw HTTP request; a delivery that GitHub or GitLab saved (their REST APIs); a CloudEvent in JSON, as it
            stands on the bus; or a bare body.
        headers: Headers to add, such as X-GitHub-Event beside a bare body.
        source: The source that receives it, where the user says it.
        host: The host of the source that receives it, where that is known.

    Raises:
        DeliveryError: The content is none of these.
    """
    if not content.strip():
        raise DeliveryError("the event is empty")
    if request := _REQUEST_LINE.match(content):
        return _raw_request(request, content, headers)
    try:
        value = nested_json.loads(content.decode("utf-8", "replace"), json.loads)
    except ValueError:
        return _bare(content, headers)
    if isinstance(value, dict) and isinstance(value.get("specversion"), str):
        if _on_bus(value, source):
            return _cloud_event(json.dumps(value).encode())  # nested no deeper than its parser goes
        if source is None and not headers and value.get("subject"):
            raise DeliveryError(
                "this CloudEvent does not come from the bus of Argo Events: its data has no headers and body. If a host sends it like "
                "this, name the source that receives it with --source"
            )
    return _saved(value, headers, host) or _bare(content, headers)


def _bare(content: bytes, headers: Mapping[str, str]) -> Delivery:
    found = _headers(headers.items())
    if content.startswith(b"payload=") and "Content-Type" not in found:
        found["Content-Type"] = (_FORM,)  # what GitHub sends where the webhook's content type is a form
    return Delivery(found, content)


def _headers(pairs: Iterable[tuple[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values = value if isinstance(value, list | tuple) else (value,)
        texts = tuple(_text(each) for each in values if each is not None)
        found[canonical_header(name)] = found.get(canonical_header(name), ()) + texts
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- Raw requests -------------------------------------------------------------------------------------------------


def _raw_request(request: re.Match[bytes], content: bytes, headers: Mapping[str, str]) -> Delivery:
    if request["method"] != b"POST":
        raise DeliveryError(
            f"the request's method is {request['method'].decode()}; webhooks are POST requests"
        )
    pairs: list[tuple[str, str]] = []
    at = request.end()
    while at < len(content):
        # A line ends with CRLF or with LF alone, as editors write it, and with nothing else; the body stays byte for byte.
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        line = content[at:end].removesuffix(b"\r").decode("utf-8", "replace")
        at = end + 1
        if not line:
            break
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not _HEADER_NAME.fullmatch(name) or _BAD_HEADER_BYTES.search(value):
            raise DeliveryError(
                f"not a header line in the request: {line[:60]!r}; expected Name: value, then an empty line and the body"
            )
        pairs.append((name, value))
    path = _path(request["target"].decode("latin-1"))
    return Delivery(_headers([*pairs, *headers.items()]), content[at:], path=path)


def _path(target: str) -> str:
    """The path of a request target as Go's server matches it: without the query, with escapes read."""
    absolute = re.match(r"https?://[^/?]*", target)
    path = target[absolute.end() if absolute else 0 :].partition("?")[0]
    return urllib.parse.unquote(path) or "/"


# --- Events on the bus --------------------------------------------------------------------------------------------


def _on_bus(value: Mapping[str, Any], source: str | None) -> bool:
    """Whether a CloudEvent has the form of an event on the bus of Argo Events, and not that of a host's delivery.

    On the bus the subject is the name of a source, and the data holds the delivery's headers and body, or the time of a
    calendar.
    """
    subject, data = value.get("subject"), value.get("data")
    if not isinstance(subject, str) or not subject or source not in {None, subject}:
        return False
    if not isinstance(data, dict):
        return "data_base64" in value
    return "eventTime" in data or ("body" in data and bool(data.keys() & {"header", "headers"}))


def _cloud_event(content: bytes) -> BusEvent:
    from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415 - slow to load, rarely needed

    try:
        event = JSONFormat().read(None, content)
        time = event.get_time()
        happened = None if time is None else rfc3339(time)
    except Exception as error:
        raise DeliveryError(f"not a valid CloudEvent: {str(error)[:200]}") from error
    data = event.get_data()
    if isinstance(data, bytes | str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            data = None
    if not isinstance(data, dict):
        raise DeliveryError(
            "the CloudEvent's data is not a JSON object; an event on the bus of Argo Events has one"
        )
    context = {"id": str(event.get_id())}
    if happened is not None:
        context["time"] = happened
    return BusEvent(str(event.get_source()), str(event.get_subject() or ""), data, context)


# --- Saved deliveries ---------------------------------------------------------------------------------------------

_ONE = "gh api repos/OWNER/NAME/hooks/HOOK/deliveries/DELIVERY"


def _saved(value: Any, headers: Mapping[str, str], host: Host | None) -> Delivery | None:
    """The delivery that GitHub or GitLab saved; None where the value is something else."""
    if host is None or "X-Github-Event" in host.event_headers:
        listed = _flat(value) if isinstance(value, list) else [value]
        summaries = [each for each in listed if _is_summary(each)]
        if summaries and len(listed) > 1:
            raise DeliveryError(
                f"a list of {len(listed)} saved deliveries; give one of them, as `{_ONE}` prints it"
            )
        if summaries and not isinstance(summaries[0].get("request"), dict):
            raise DeliveryError(
                f"a saved delivery without its request; `{_ONE}` prints a delivery with headers and payload"
            )
        first = listed[0] if listed else None
        request = first.get("request") if isinstance(first, dict) else None
        if isinstance(first, dict) and isinstance(request, dict) and {"payload", "headers"} <= request.keys():
            return _saved_by_github(first, request, headers)
    if (
        (host is None or "push" in host.kinds)
        and isinstance(value, dict)
        and isinstance(value.get("request_headers"), dict)
        and isinstance(value.get("request_data"), dict)
    ):
        merged = _headers([*value["request_headers"].items(), *headers.items()])
        return Delivery(merged, json.dumps(value["request_data"]).encode(), exact_body=False)
    return None


def _flat(value: list[Any]) -> list[Any]:
    """The items of a list, and of lists in it: gh api --paginate --slurp prints one list a page."""
    return [item for each in value for item in (each if isinstance(each, list) else [each])]


def _is_summary(value: Any) -> bool:
    """Whether it is what GitHub keeps of a delivery (REST API, webhook deliveries), with or without the request."""
    return isinstance(value, dict) and {"guid", "delivered_at", "event"} <= value.keys()


def _saved_by_github(
    saved: Mapping[str, Any], request: Mapping[str, Any], headers: Mapping[str, str]
) -> Delivery:
    payload, given = request["payload"], request["headers"]
    if payload is None or not isinstance(given, dict):
        raise DeliveryError(
            "the saved delivery holds no headers or no payload any more; GitHub deletes them after some days. Deliver it "
            "again, or take another one"
        )
    merged = _headers([*given.items(), *headers.items()])
    if isinstance(saved.get("event"), str) and "X-Github-Event" not in merged:
        merged["X-Github-Event"] = (saved["event"],)
    body = payload if isinstance(payload, str) else json.dumps(payload)
    content_type = ("".join(merged.get("Content-Type", ())[:1])).partition(";")[0].strip().lower()
    if content_type == _FORM and not (isinstance(payload, str) and payload.startswith("payload=")):
        # GitHub saves the payload of a form as it reads, not as it was sent.
        inner = (
            payload.get("payload") if isinstance(payload, dict) and payload.keys() == {"payload"} else None
        )
        body = urllib.parse.urlencode({"payload": inner if isinstance(inner, str) else body})
    return Delivery(merged, body.encode("utf-8", "replace"), exact_body=False)
