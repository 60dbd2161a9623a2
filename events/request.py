"""Requests: one HTTP request of a host as data, and the refusal with which it may be answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Delivery", "Refusal", "canonical_header"]


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
