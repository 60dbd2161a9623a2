"""The web application: which answer belongs to which request."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import get_args
from urllib.parse import parse_qs, unquote, urlencode

from runs.exporter.web.pages import Pages
from runs.history import History, Name, Query

__all__ = ["HEADERS", "UNAUTHORIZED", "Answer", "Application", "Providers", "Request", "credentials"]

MAX_TEXT = 200
MAX_QUERY = 4096
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""The headers that every answer carries, unless a web.config says otherwise."""
_AUTHORITY = re.compile(r"https?://[^/?]*", re.IGNORECASE)
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))")


@dataclass(frozen=True, slots=True)
class Providers:
    """Sources of the answers."""

    metrics: Callable[[str, bool], tuple[bytes, str, str | None]]
    """Accept header and whether gzip is taken → body, content type, content encoding."""
    not_ready: Callable[[], str | None]
    history: Callable[[], History | None]
    """None while another instance counts."""
    facts: Callable[[], Mapping[str, str]]
    """State of the exporter, for the landing page."""
    warnings: Callable[[], Sequence[str]] = lambda: ()
    """Problems that do not stop the exporter; one line each."""


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


class Application:
    """Answers requests; only GET and HEAD. Safe for threads."""

    def __init__(self, sources: Providers, pages: Pages) -> None:
        self._sources, self._pages = sources, pages

    def probe(self, request: Request) -> Answer | None:
        """The answer where it asks for no password and takes no time; None for everything else."""
        if request.method not in {"GET", "HEAD"}:
            return Answer(
                HTTPStatus.METHOD_NOT_ALLOWED, b"GET and HEAD only\n", headers=(("Allow", "GET, HEAD"),)
            )
        if request.path == "/-/healthy":
            # Kubernetes' probes send no password, and this says nothing that they may not know.
            return Answer(HTTPStatus.OK, b"hookline is healthy\n")
        return self._ready() if request.path == "/-/ready" else None

    def answer(self, request: Request) -> Answer:
        """The answer to who may read."""
        if request.path == "/metrics":
            return self._metrics(request)
        return self._page(request.path, parse_qs(request.query))

    def _ready(self) -> Answer:
        reason = self._sources.not_ready()
        lines = ["hookline is ready" if reason is None else f"not ready: {reason}"]
        # One that still counts stays ready: Prometheus must be able to read what it says about the trouble.
        lines += [f"warning: {each}" for each in self._sources.warnings()]
        status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))

    def _metrics(self, request: Request) -> Answer:
        zipped = _GZIP.search(request.accept_encoding) is not None
        body, kind, encoding = self._sources.metrics(request.accept, zipped)
        headers = [("Vary", "Accept, Accept-Encoding")]
        if encoding is not None:
            headers.append(("Content-Encoding", encoding))
        return Answer(HTTPStatus.OK, body, kind, tuple(headers))

    def _page(self, path: str, query: Mapping[str, list[str]]) -> Answer:
        if path == "/style.css":
            return Answer(HTTPStatus.OK, self._pages.style, "text/css; charset=utf-8")
        if path == "/":
            return self._html(
                self._pages.landing(
                    self._sources.facts(), self._sources.not_ready(), self._sources.warnings()
                )
            )
        parts = [unquote(part, errors="replace") for part in path.strip("/").split("/")]
        if parts[0] == "runs" and len(parts) <= 3:
            history = self._sources.history()
            if history is None:
                return self._html(self._pages.waiting(), HTTPStatus.SERVICE_UNAVAILABLE)
            if len(parts) == 1:
                return self._runs(history, query)
            run = history.run(parts[1] if len(parts) == 3 else "", parts[-1])
            if run is not None:
                return self._html(self._pages.run(run))
        return self._html(self._pages.missing(), HTTPStatus.NOT_FOUND)

    def _runs(self, history: History, query: Mapping[str, list[str]]) -> Answer:
        names = (*get_args(Name), "event", "outcome", "text")
        wanted = {name: query.get(name, [""])[0][:MAX_TEXT] for name in names}
        asked = Query(
            namespace=wanted["namespace"],
            owner=wanted["owner"],
            pipeline=wanted["pipeline"],
            event=wanted["event"],
            outcome=wanted["outcome"],
            text=wanted["text"],
            before=_cursor(query.get("before", [""])[0]),
        )
        page = history.page(asked)
        more = ""
        if page.more is not None:
            chosen = {name: value for name, value in wanted.items() if value}
            more = "/runs?" + urlencode({**chosen, "before": f"{page.more[0]!r}_{page.more[1]}"})
        known = {name: history.values(name) for name in get_args(Name)}
        return self._html(self._pages.runs(asked, page.runs, known, more))

    @staticmethod
    def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
        return Answer(status, text.encode("utf-8", "replace"), HTML)


def _cursor(text: str) -> tuple[float, str] | None:
    time, underscore, uid = text[:MAX_TEXT].partition("_")
    try:
        return (float(time), uid) if underscore else None
    except ValueError:
        return None
