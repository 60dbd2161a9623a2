"""Event files: a delivery or an event on the bus, in any of the forms in which a person has it.

What a file holds is decided by what the cluster would make of it: a body that a host sends stays a body, even if it looks
like one of the other forms.
"""

import base64
import binascii
import codecs
import json
import re
from collections.abc import Mapping
from typing import Any

from events import nested_json
from events.copied_deliveries import copied_delivery
from events.curl_commands import curl_delivery
from events.delivery import BusEvent, DeliveryError, rfc3339
from events.host import Host
from events.request import FORM, Delivery, header_values, url_path
from events.saved_deliveries import saved_deliveries

__all__ = ["bus_message", "parse", "searchable"]

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]+) (?P<target>[^ \r\n]+) HTTP/[0-9.]+\r?\n")
_BRACKET = re.compile(r"(?=[\[{])")
_BASE64_DATA = re.compile(rb'"data_base64"\s*:\s*"([A-Za-z0-9+/=]*)"')
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BAD_HEADER_BYTES = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
"""Control characters with which Go's server refuses a request (golang.org/x/net/http/httpguts ValidHeaderFieldValue)."""


def parse(
    content: bytes, headers: Mapping[str, str], source: str | None = None, host: Host | None = None
) -> tuple[Delivery | BusEvent, ...]:
    """Read an event file: every event in it, in order; at least one.

    Args:
        content: A raw HTTP request; deliveries that GitHub or GitLab saved (their REST APIs); headers and payload as they
            are copied from a page; a recording of requests (HAR); a curl command; a CloudEvent in JSON, as it stands on the
            bus; or a bare body.
        headers: Headers to add, such as X-GitHub-Event beside a bare body.
        source: The source that receives it, where the user says it.
        host: The host of the source that receives it, where that is known.

    Raises:
        DeliveryError: The content is none of these.
    """
    content = _as_utf_8(content)
    if not content.strip():
        raise DeliveryError("the event is empty")
    if request := _REQUEST_LINE.match(content):
        return (_raw_request(request, content, headers),)
    text = content.decode("utf-8", "replace")
    try:
        value = nested_json.loads(text, json.loads)
    except ValueError:
        if values := _in_a_row(text):
            return saved_deliveries(values, headers, host) or (_bare(content, headers),)
        read = curl_delivery(text, headers) or copied_delivery(text, headers)
        return (read or _bare(content, headers),)
    if isinstance(value, dict) and isinstance(value.get("specversion"), str):
        if _on_bus(value, source):
            return (bus_message(json.dumps(value).encode()),)  # nested no deeper than its parser goes
        if source is None and not headers and value.get("subject"):
            raise DeliveryError(
                "this CloudEvent does not come from the bus of Argo Events: its data has no headers and body. If a host sends it like "
                "this, name the source that receives it with --source"
            )
    return saved_deliveries(value, headers, host) or (_bare(content, headers),)


def _in_a_row(text: str) -> list[Any]:
    """The JSON objects and lists of a text that holds nothing else, as several calls of an API print them; empty if it does not."""
    places = list(nested_json.blocks(text, _BRACKET))
    ends = [0, *(end for _, end in places)]
    between = [text[end:start] for end, (start, _) in zip(ends, places, strict=False)]
    if len(places) < 2 or any(each.strip() for each in (*between, text[ends[-1] :])):
        return []
    try:
        return [nested_json.loads(text[start:end], json.loads) for start, end in places]
    except ValueError:
        return []


def _as_utf_8(content: bytes) -> bytes:
    """The content without the mark that editors and shells of Windows begin a file with; no host sends one."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace").encode("utf-8", "replace")
    return content.removeprefix(codecs.BOM_UTF8)


def _bare(content: bytes, headers: Mapping[str, str]) -> Delivery:
    found = header_values(headers.items())
    if content.startswith(b"payload=") and "Content-Type" not in found:
        found["Content-Type"] = (FORM,)  # what GitHub sends where the webhook's content type is a form
    return Delivery(found, content)


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
    path = url_path(request["target"].decode("latin-1"))
    return Delivery(header_values([*pairs, *headers.items()]), content[at:], path=path)


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


def searchable(content: bytes) -> bytes:
    """The text of a message of the bus in which ids and commits stand as they are: event sources write the data in base64.

    Much cheaper than reading the message, for one who looks for few of many.
    """
    encoded = _BASE64_DATA.search(content)
    if encoded is None:
        return content
    try:
        return content[: encoded.start()] + base64.b64decode(encoded[1]) + content[encoded.end() :]
    except binascii.Error:
        return content


def bus_message(content: bytes) -> BusEvent:
    """A message of Argo Events' bus: a CloudEvent in JSON.

    Raises:
        DeliveryError: It is none, or its data is no JSON object.
    """
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
