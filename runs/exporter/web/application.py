"""The web application: which answer belongs to which request."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import get_args
from urllib.parse import parse_qs, quote, unquote, urlencode

from runs.exporter.unfinished import UnfinishedRuns
from runs.exporter.web.pages import Pages
from runs.fan_outs import FanOut
from runs.history import History, Name, Query
from runs.web.requests import Answer, Metrics, Request, metrics_answer, probe

__all__ = ["Application", "Providers"]

MAX_TEXT = 200
MAX_UNFINISHED = 200
"""Runs that have not ended, on one page; it says how many more there are."""
MAX_FAN_OUTS = 50
"""Fan-outs that have ended, on one page."""
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Providers:
    """Sources of the answers."""

    metrics: Metrics
    not_ready: Callable[[], str | None]
    history: Callable[[], History | None]
    """None while another instance counts."""
    facts: Callable[[], Mapping[str, str]]
    """State of the exporter, for the landing page."""
    unfinished: Callable[[], UnfinishedRuns | None] = lambda: None
    """Runs that are not counted yet; None where nothing is watched."""
    fan_outs: Callable[[], Sequence[FanOut]] = lambda: ()
    """Fan-outs that go on."""
    now: Callable[[], float] = time.time
    """Unix seconds."""
    warnings: Callable[[], Sequence[str]] = lambda: ()
    """Problems that do not stop the exporter; one line each."""


class Application:
    """Answers requests; only GET and HEAD. Safe for threads."""

    def __init__(self, sources: Providers, pages: Pages) -> None:
        self._sources, self._pages = sources, pages

    def probe(self, request: Request) -> Answer | None:
        """The answer where it asks for no password and takes no time; None for everything else."""
        return probe(request, self._sources.not_ready, self._sources.warnings)

    def answer(self, request: Request) -> Answer:
        """The answer to who may read."""
        if request.path == "/metrics":
            return metrics_answer(request, self._sources.metrics)
        return self._page(request.path, parse_qs(request.query))

    def _page(self, path: str, query: Mapping[str, list[str]]) -> Answer:
        if path == "/style.css":
            return Answer(HTTPStatus.OK, self._pages.style, "text/css; charset=utf-8")
        if path == "/page.js":
            return Answer(HTTPStatus.OK, self._pages.script, "text/javascript; charset=utf-8")
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
            namespace = parts[1] if len(parts) == 3 else ""
            # What ends meanwhile is in the history by the time that is asked.
            unfinished = self._sources.unfinished()
            run = None if unfinished is None else unfinished.run(namespace, parts[-1])
            run = history.run(namespace, parts[-1]) if run is None else run
            if run is not None:
                return self._html(self._pages.run(run, self._sources.now()))
            listing = self._sources.not_ready() is not None
            return self._html(self._pages.unknown(listing=listing), HTTPStatus.NOT_FOUND)
        if parts[0] == "fan-outs" and len(parts) <= 2:
            return self._fan_outs(parts[1] if len(parts) == 2 else "", query)
        return self._html(self._pages.missing(), HTTPStatus.NOT_FOUND)

    def _fan_outs(self, name: str, query: Mapping[str, list[str]]) -> Answer:
        """All fan-outs, or those of a name: the label of a run does not say the namespace."""
        history = self._sources.history()
        if history is None:
            return self._html(self._pages.waiting(), HTTPStatus.SERVICE_UNAVAILABLE)
        before = _cursor(query.get("before", [""])[0])
        going = [] if before is not None else [x for x in self._sources.fan_outs() if name in {"", x.name}]
        going.sort(key=lambda each: (each.created, each.uid), reverse=True)
        page = history.fan_outs(name, before, MAX_FAN_OUTS)
        found = [*going[:MAX_UNFINISHED], *page.fan_outs]
        more = ""
        if page.more is not None:
            where = "/fan-outs" + (f"/{quote(name, safe='')}" if name else "")
            more = f"{where}?" + urlencode({"before": f"{page.more[0]!r}_{page.more[1]}"})
        status = HTTPStatus.NOT_FOUND if name and not found else HTTPStatus.OK
        return self._html(self._pages.fan_outs(name, found, more), status)

    def _runs(self, history: History, query: Mapping[str, list[str]]) -> Answer:
        names = (*get_args(Name), "event", "outcome", "text", "fan_out")
        wanted = {name: query.get(name, [""])[0][:MAX_TEXT] for name in names}
        asked = Query(
            namespace=wanted["namespace"],
            owner=wanted["owner"],
            pipeline=wanted["pipeline"],
            event=wanted["event"],
            outcome=wanted["outcome"],
            text=wanted["text"],
            fan_out=wanted["fan_out"],
            before=_cursor(query.get("before", [""])[0]),
        )
        unfinished = self._sources.unfinished() if asked.before is None else None
        going, count = (
            ((), 0) if unfinished is None else unfinished.page(replace(asked, limit=MAX_UNFINISHED))
        )
        page = history.page(asked)
        more = ""
        if page.more is not None:
            chosen = {name: value for name, value in wanted.items() if value}
            more = "/runs?" + urlencode({**chosen, "before": f"{page.more[0]!r}_{page.more[1]}"})
        known = {
            name: sorted({*history.values(name), *(getattr(each, name) for each in going)})
            for name in get_args(Name)
        }
        return self._html(self._pages.runs(asked, page.runs, known, more, (going, count)))

    @staticmethod
    def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
        return Answer(status, text.encode("utf-8", "replace"), HTML)


def _cursor(text: str) -> tuple[float, str] | None:
    time, underscore, uid = text[:MAX_TEXT].partition("_")
    try:
        return (float(time), uid) if underscore else None
    except ValueError:
        return None
