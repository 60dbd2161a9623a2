"""Saved deliveries: what GitHub and GitLab keep of a delivery, and what tools record of a request (HAR), as JSON."""

import base64
import binascii
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from events.delivery import DeliveryError
from events.host import Host
from events.request import Delivery, header_values, is_form, url_path

__all__ = ["saved_deliveries"]

_ONE = "gh api repos/OWNER/NAME/hooks/HOOK/deliveries/DELIVERY"


def saved_deliveries(value: Any, headers: Mapping[str, str], host: Host | None) -> tuple[Delivery, ...]:
    """Every delivery in a JSON value; none where the value is something else, such as the body of one.

    Args:
        value: Any JSON value.
        headers: Headers to add to each.
        host: The host that sends, where that is known: another host's form is then a body of its own.

    Raises:
        DeliveryError: Deliveries without what was sent.
    """
    if isinstance(value, dict) and isinstance(value.get("log"), dict):
        entries = value["log"].get("entries")
        return tuple(_recorded(entries, headers)) if isinstance(entries, list) else ()
    listed = _flat(value) if isinstance(value, list) else [value]
    items = [each for each in listed if isinstance(each, dict)]
    if host is None or "X-Github-Event" in host.event_headers:
        kept = [each for each in items if _kept_by_github(each)]
        summaries = sum(map(_is_summary, items))
        if summaries and not kept:
            what = (
                "a saved delivery without its request"
                if summaries == 1
                else f"{summaries} saved deliveries without their requests"
            )
            raise DeliveryError(f"{what}; `{_ONE}` prints one with headers and payload")
        if kept:
            return tuple(_sent_by_github(each, headers) for each in kept)
    if host is None or "push" in host.kinds:
        return tuple(_sent_by_gitlab(each, headers) for each in items if _kept_by_gitlab(each))
    return ()


def _flat(value: list[Any]) -> list[Any]:
    """The items of a list, and of lists in it: gh api --paginate --slurp prints one list a page."""
    return [item for each in value for item in (each if isinstance(each, list) else [each])]


def _webhook_path(url: Any) -> str | None:
    return url_path(url) if isinstance(url, str) and url.startswith(("https://", "http://")) else None


# --- GitHub (REST API, webhook deliveries) ------------------------------------------------------------------------


def _is_summary(value: Mapping[str, Any]) -> bool:
    """Whether it is what GitHub keeps of a delivery, with or without the request."""
    return {"guid", "delivered_at", "event"} <= value.keys()


def _kept_by_github(value: Mapping[str, Any]) -> bool:
    """Whether it has the request, or is the request alone."""
    request = value.get("request", value if value.keys() == {"headers", "payload"} else None)
    return isinstance(request, dict) and {"payload", "headers"} <= request.keys()


def _sent_by_github(saved: Mapping[str, Any], headers: Mapping[str, str]) -> Delivery:
    request = saved.get("request", saved)
    payload, given = request["payload"], request["headers"]
    if payload is None or not isinstance(given, dict):
        raise DeliveryError(
            "the saved delivery holds no headers or no payload any more; GitHub deletes them after some days. Deliver it "
            "again, or take another one"
        )
    merged = header_values([*given.items(), *headers.items()])
    if isinstance(saved.get("event"), str) and "X-Github-Event" not in merged:
        merged["X-Github-Event"] = (saved["event"],)
    body = payload if isinstance(payload, str) else json.dumps(payload)
    if is_form(merged) and not (isinstance(payload, str) and payload.startswith("payload=")):
        # GitHub saves the payload of a form as it reads, not as it was sent.
        inner = (
            payload.get("payload") if isinstance(payload, dict) and payload.keys() == {"payload"} else None
        )
        body = urllib.parse.urlencode({"payload": inner if isinstance(inner, str) else body})
    return Delivery(
        merged,
        body.encode("utf-8", "replace"),
        webhook_path=_webhook_path(saved.get("url")),
        exact_body=False,
    )


# --- GitLab (REST API, events of a hook) --------------------------------------------------------------------------


def _kept_by_gitlab(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("request_headers"), dict) and isinstance(
        value.get("request_data"), dict | str
    )


def _sent_by_gitlab(saved: Mapping[str, Any], headers: Mapping[str, str]) -> Delivery:
    data = saved["request_data"]
    if data == {"oversize": True}:
        raise DeliveryError("GitLab kept no payload of this delivery, because it is too large")
    return Delivery(
        header_values([*saved["request_headers"].items(), *headers.items()]),
        (data if isinstance(data, str) else json.dumps(data)).encode("utf-8", "replace"),
        webhook_path=_webhook_path(saved.get("url")),
        exact_body=False,
    )


# --- HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/) ------------------------------------------


def _recorded(entries: list[Any], headers: Mapping[str, str]) -> Iterator[Delivery]:
    """The POST requests with a body; the other requests of a recording are no deliveries."""
    found = False
    for entry in entries:
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or request.get("method") != "POST":
            continue
        body = _posted(request.get("postData"))
        if body is not None:
            found = True
            yield _recorded_request(request, body, headers)
    if not found:
        raise DeliveryError("the HAR file holds no POST request with a body, and a delivery is one")


def _posted(data: Any) -> bytes | None:
    if not isinstance(data, dict):
        return None
    text, parameters = data.get("text"), data.get("params")
    if isinstance(text, str) and text:
        if data.get("encoding") == "base64":  # of HAR 1.3
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise DeliveryError("the HAR file has a body that is not base64, as it says") from error
        return text.encode("utf-8", "replace")
    if isinstance(parameters, list) and parameters:
        pairs = [
            (str(each.get("name", "")), str(each.get("value", "")))
            for each in parameters
            if isinstance(each, dict)
        ]
        return urllib.parse.urlencode(pairs, encoding="utf-8", errors="replace").encode()
    return None


def _recorded_request(request: Mapping[str, Any], body: bytes, headers: Mapping[str, str]) -> Delivery:
    listed = request.get("headers")
    pairs = [
        (each["name"], each.get("value"))
        for each in (listed if isinstance(listed, list) else ())
        # Browsers list the parts of HTTP/2's first line as headers, such as :method.
        if isinstance(each, dict) and isinstance(each.get("name"), str) and not each["name"].startswith(":")
    ]
    merged = header_values([*pairs, *headers.items()])
    media_type = request["postData"].get("mimeType")
    if "Content-Type" not in merged and isinstance(media_type, str) and media_type:
        merged["Content-Type"] = (media_type,)
    return Delivery(
        merged,
        body,
        webhook_path=_webhook_path(request.get("url")),
        exact_body=request.get("bodySize") == len(body),
    )
