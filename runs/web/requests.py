"""Requests and answers, and the protocol of an application. An application that is probed answers at once."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

__all__ = [
    "HEADERS",
    "TEXT",
    "UNAUTHORIZED",
    "Answer",
    "Application",
    "Metrics",
    "Request",
    "credentials",
    "metrics_answer",
    "probe",
]

MAX_QUERY = 4096
TEXT = "text/plain; charset=utf-8"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""The headers that every answer carries, unless a web.config says otherwise."""
_AUTHORITY = re.compile(r"https?://[^/?]*", re.IGNORECASE)
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))")


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a client; texts are as they came."""

    method: str
    target: str
    """Path and query."""
    accept: str = ""
    accept_encoding: str = ""
    authorization: str = ""

    @property
    def path(self) -> str:
        """Without the query; percent-encoded."""
        return _AUTHORITY.sub("", self.target, count=1).partition("?")[0]

    @property
    def query(self) -> str:
        """The text after the first question mark, as far as it is read."""
        return self.target.partition("?")[2][:MAX_QUERY]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a client."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


UNAUTHORIZED = Answer(
    HTTPStatus.UNAUTHORIZED,
    b"user and password, please\n",
    headers=(("WWW-Authenticate", 'Basic realm="hookline", charset="UTF-8"'),),
)


def credentials(request: Request) -> tuple[str, str] | None:
    """User and password (RFC 7617); None where none are sent."""
    scheme, _, encoded = request.authorization.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon else None


Metrics = Callable[[str, bool], tuple[bytes, str, str | None]]
"""Accept header and whether gzip is taken → body, content type, content encoding."""


class Application(Protocol):
    """Answers requests. Safe for threads."""

    def probe(self, request: Request) -> Answer | None:
        """The answer where it asks for no password and takes no time; None for everything else."""

    def answer(self, request: Request) -> Answer:
        """The answer to who may read."""


def probe(
    request: Request, not_ready: Callable[[], str | None], warnings: Callable[[], Sequence[str]]
) -> Answer | None:
    """The answer to Kubernetes' probes, and to methods that nothing here takes; None for everything else.

    Args:
        request: What is asked.
        not_ready: Reason for which the instance is not ready; None where it is.
        warnings: Problems that do not stop it; one line each.
    """
    if request.method not in {"GET", "HEAD"}:
        return Answer(
            HTTPStatus.METHOD_NOT_ALLOWED, b"GET and HEAD only\n", headers=(("Allow", "GET, HEAD"),)
        )
    if request.path == "/-/healthy":
        # Kubernetes' probes send no password, and this says nothing that they may not know.
        return Answer(HTTPStatus.OK, b"hookline is healthy\n")
    if request.path != "/-/ready":
        return None
    reason = not_ready()
    lines = ["hookline is ready" if reason is None else f"not ready: {reason}"]
    # One that still works stays ready: Prometheus must be able to read what it says about the trouble.
    lines += [f"warning: {each}" for each in warnings()]
    status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))


def metrics_answer(request: Request, metrics: Metrics) -> Answer:
    """The answer to a scrape."""
    zipped = _GZIP.search(request.accept_encoding) is not None
    body, kind, encoding = metrics(request.accept, zipped)
    headers = [("Vary", "Accept, Accept-Encoding")]
    if encoding is not None:
        headers.append(("Content-Encoding", encoding))
    return Answer(HTTPStatus.OK, body, kind, tuple(headers))
