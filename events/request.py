"""Requests: one HTTP request of a host as data, and the refusal with which it may be answered."""

import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["FORM", "Delivery", "Refusal", "canonical_header", "header_values", "is_form", "url_path"]

FORM: Final = "application/x-www-form-urlencoded"
"""Media type of a form, which GitHub sends where the webhook's content type is one."""


class Refusal(Exception):
    """Nothing would reach the bus: the event source answers with an error, or its calendar does not fire."""

    def __init__(self, reason: Literal["SIGNATURE", "PAYLOAD", "SCHEDULE"], message: str) -> None:
        super().__init__(message)
        self.reason: Literal["SIGNATURE", "PAYLOAD", "SCHEDULE"] = reason


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request of a host."""

    headers: Mapping[str, tuple[str, ...]]
    """Names in Go's canonical case."""
    body: bytes
    path: str | None = None
    """Path of the request, if the form of the event names it."""
    webhook_path: str | None = None
    """Path of the URL that the host or a tool noted. It may belong to another webhook, which sent the same event."""
    exact_body: bool = True
    """Whether the body is byte for byte what the host sent, so that a signature can be checked."""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        values = self.headers.get(canonical_header(name), ())
        return values[0] if values else None


def canonical_header(name: str) -> str:
    """A header name as Go spells it (net/textproto CanonicalMIMEHeaderKey)."""
    if not name.isascii():
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def header_values(pairs: Iterable[tuple[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Headers with their values in order: names in Go's canonical case; a list is several values, null none."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        values = value if isinstance(value, list | tuple) else (value,)
        found.setdefault(canonical_header(name), []).extend(
            _text(each) for each in values if each is not None
        )
    return {name: tuple(values) for name, values in found.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def is_form(headers: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the first Content-Type is a form's."""
    given = "".join(headers.get("Content-Type", ())[:1])
    return given.partition(";")[0].strip().lower() == FORM


def url_path(target: str) -> str:
    """The path of a URL or a request target as Go's server matches it: without the query, with escapes read."""
    absolute = re.match(r"https?://[^/?]*", target)
    path = target[absolute.end() if absolute else 0 :].partition("?")[0]
    return urllib.parse.unquote(path) or "/"
