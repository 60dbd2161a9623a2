"""The web application: which answer belongs to which request."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from runs.exporter.web.pages import Pages
from runs.exporter.web.web_config import Security
from runs.history import History, Query

__all__ = ["Application", "Providers"]

MAX_TEXT = 200
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


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
class _Answer:
    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


class Application:
    """A WSGI application; only GET and HEAD."""

    def __init__(self, sources: Providers, pages: Pages, security: Security) -> None:
        self._sources, self._pages, self._security = sources, pages, security

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        answer = self._answer(environ)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        headers += [*answer.headers, *_HEADERS, *self._security.headers.items()]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: dict[str, Any]) -> _Answer:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _Answer(
                HTTPStatus.METHOD_NOT_ALLOWED, b"GET and HEAD only\n", headers=(("Allow", "GET, HEAD"),)
            )
        path = environ.get("PATH_INFO", "/")
        if path == "/-/healthy":
            # Kubernetes' probes send no password, and this says nothing that they may not know.
            return _Answer(HTTPStatus.OK, b"hookline is healthy\n")
        if path == "/-/ready":
            return self._ready()
        if self._security.asks_password and not self._admitted(environ.get("HTTP_AUTHORIZATION", "")):
            challenge = (("WWW-Authenticate", 'Basic realm="hookline", charset="UTF-8"'),)
            return _Answer(HTTPStatus.UNAUTHORIZED, b"user and password, please\n", headers=challenge)
        if path == "/metrics":
            return self._metrics(environ)
        return self._page(path, parse_qs(environ.get("QUERY_STRING", "")[:4096]))

    def _ready(self) -> _Answer:
        reason = self._sources.not_ready()
        lines = ["hookline is ready" if reason is None else f"not ready: {reason}"]
        # One that still counts stays ready: Prometheus must be able to read what it says about the trouble.
        lines += [f"warning: {each}" for each in self._sources.warnings()]
        status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
        return _Answer(status, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))

    def _admitted(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        try:
            text = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            return False
        user, colon, password = text.partition(":")
        return bool(colon) and self._security.admits(user, password)

    def _metrics(self, environ: dict[str, Any]) -> _Answer:
        accepts_gzip = re.search(
            r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))", environ.get("HTTP_ACCEPT_ENCODING", "")
        )
        body, kind, encoding = self._sources.metrics(environ.get("HTTP_ACCEPT", ""), accepts_gzip is not None)
        headers = [("Vary", "Accept, Accept-Encoding")]
        if encoding is not None:
            headers.append(("Content-Encoding", encoding))
        return _Answer(HTTPStatus.OK, body, kind, tuple(headers))

    def _page(self, path: str, query: Mapping[str, list[str]]) -> _Answer:
        if path == "/style.css":
            return _Answer(HTTPStatus.OK, self._pages.style, "text/css; charset=utf-8")
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

    def _runs(self, history: History, query: Mapping[str, list[str]]) -> _Answer:
        wanted = {
            name: query.get(name, [""])[0][:MAX_TEXT] for name in ("pipeline", "event", "outcome", "text")
        }
        asked = Query(
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
        return self._html(self._pages.runs(asked, page.runs, history.pipelines(), more))

    @staticmethod
    def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> _Answer:
        return _Answer(status, text.encode("utf-8", "replace"), HTML)


def _cursor(text: str) -> tuple[float, str] | None:
    time, underscore, uid = text[:MAX_TEXT].partition("_")
    try:
        return (float(time), uid) if underscore else None
    except ValueError:
        return None
