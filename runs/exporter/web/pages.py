"""The pages: runs as a table, one run as a chart of its steps. They need no script, and no assets from elsewhere; everything escaped."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2

from documents import lines
from runs.exporter.family import EVENTS, OUTCOMES
from runs.exporter.links import Links
from runs.exporter.unfinished import STATES
from runs.exporter.web.cache_words import cache_lines, state_words
from runs.exporter.web.red import headline, reds
from runs.fan_outs import FanOut
from runs.history import Attempt, Query, Run

__all__ = ["Pages"]

SYMBOLS: Mapping[str, str] = {
    "success": "✓",
    "failure": "✗",
    "error": "!",
    "timeout": "◷",
    "cancellation": "⊘",
    "skip": "↷",
    "queued": "…",
    "running": "▶",
    "ending": "▷",
}
"""Signs of the outcomes, and of runs that have none yet, so that pages do not depend on colour."""
CLIP = 80
RUN_SECONDS, RUNS_SECONDS, MISSING_SECONDS = 5, 15, 15
"""Seconds after which the page of a run, that of runs, and that of a run which is not known yet renew themselves."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt in the chart: parts of its width in per cent."""

    attempt: Attempt
    number: int
    pending: tuple[float, float] | None
    """From and width."""
    running: tuple[float, float] | None


class Pages:
    """Renders pages."""

    def __init__(
        self, version: str, reasons: Mapping[str, str], grafana: str | None = None, links: Links | None = None
    ) -> None:
        """Load the templates.

        Args:
            version: Of hookline.
            reasons: Code of a decision → what it means.
            grafana: Address of the Grafana that has the dashboards.
            links: Patterns of the links of a run.
        """
        folder = resources.files("runs.exporter.web").joinpath("templates")
        names = ("base", "fan_outs", "landing", "message", "red", "run", "runs", "time")
        texts = {f"{name}.html": folder.joinpath(f"{name}.html").read_text("utf-8") for name in names}
        self._environment = jinja2.Environment(
            loader=jinja2.DictLoader(texts), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, finalize=visible,
        )  # fmt: skip
        self._environment.filters |= {
            "clip": clip, "duration": duration, "money": money, "moment": moment, "share": share,
            "cache_state": state_words,
        }  # fmt: skip
        self._environment.globals |= {
            "symbols": SYMBOLS,
            "version": version,
            "grafana": (grafana or "").rstrip("/"),
        }
        self._reasons, self._links = reasons, links or Links()
        self.script = folder.joinpath("page.js").read_bytes()
        self.style = folder.joinpath("style.css").read_bytes()

    def _render(self, name: str, **values: object) -> str:
        return self._environment.get_template(f"{name}.html").render(**{"renew": 0, **values})

    def landing(self, facts: Mapping[str, str], not_ready: str | None, warnings: Sequence[str] = ()) -> str:
        """Health and links."""
        return self._render("landing", facts=facts, not_ready=not_ready, warnings=warnings)

    def waiting(self) -> str:
        """Another instance counts."""
        text = "Another instance counts runs; this one waits to take over."
        return self._render("message", title="Waiting", text=text, renew=MISSING_SECONDS)

    def missing(self) -> str:
        """Nothing here."""
        return self._render(
            "message",
            title="Not found",
            text="There is no such page, or the exporter no longer keeps this run.",
        )

    def unknown(self, *, listing: bool) -> str:
        """No such run, or none yet.

        Args:
            listing: Whether runs may be missing because they are still being listed.
        """
        text = (
            "The exporter is listing the runs of the cluster. This page renews itself."
            if listing
            else "There is no such run, or the exporter no longer keeps it. A run that has just begun appears within seconds, and this page "
            "renews itself."
        )
        return self._render("message", title="Not found", text=text, renew=MISSING_SECONDS)

    def runs(
        self,
        query: Query,
        runs: Sequence[Run],
        known: Mapping[str, Sequence[str]],
        more: str,
        unfinished: tuple[Sequence[Run], int] = ((), 0),
    ) -> str:
        """The newest runs first, before them those that have not ended.

        Args:
            query: Asked for.
            runs: Found.
            known: Namespace, owner and pipeline → their values in all runs.
            more: Address of the next page; empty on the last one.
            unfinished: Runs that have not ended, and how many there are.
        """
        going, count = unfinished
        named = {name: [value for value in values if value] for name, values in known.items()}
        choices: dict[str, Sequence[str]] = {
            # Where all runs are of one namespace or owner, there is nothing to choose.
            **{
                name: each
                for name, each in named.items()
                if name == "pipeline" or len(known[name]) > 1 or getattr(query, name)
            },
            "event": EVENTS,
            "outcome": (*STATES, *OUTCOMES),
        }
        # A word that nothing has stays in its field, where it can be mended.
        wrong = {name: getattr(query, name) for name in choices if getattr(query, name)}
        wrong = {name: value for name, value in wrong.items() if value not in choices[name]}
        choices |= {name: (*choices[name], value) for name, value in wrong.items()}
        return self._render(
            "runs",
            query=query,
            runs=[*going, *runs],
            choices=choices,
            wrong=wrong,
            more=more,
            hidden=count - len(going),
            renew=RUNS_SECONDS if query.before is None else 0,
            going=bool(going),
        )

    def fan_outs(self, name: str, fan_outs: Sequence[FanOut], more: str) -> str:
        """The newest fan-outs first, before them those that go on.

        Args:
            name: That of the only ones that are shown; empty for all.
            fan_outs: Found.
            more: Address of the next page; empty on the last one.
        """
        return self._render(
            "fan_outs",
            wanted=name,
            fan_outs=fan_outs,
            links_of={each.uid: self._links.of_run(each) for each in fan_outs},
            more=more,
            renew=RUNS_SECONDS,
        )

    def run(self, run: Run, now: float | None = None) -> str:
        """One run.

        Args:
            run: With its attempts.
            now: Unix seconds; until then reaches what has not ended.
        """
        bars, span = chart(run, now)
        red, more_red = reds(run)
        return self._render(
            "run",
            run=run,
            bars=bars,
            span=span,
            caches=cache_lines(run) if run.finished is not None else (),
            meaning=self._reasons.get(run.reason, ""),
            headline=headline(run),
            red=red,
            more_red=more_red,
            links=self._links.of_run(run),
            logs={each.pod: self._links.of_attempt(run, each) for each in run.attempts},
            renew=RUN_SECONDS if run.finished is None else 0,
            so_far=None if now is None else now - (run.created if run.started is None else run.started),
        )


def chart(run: Run, now: float | None = None) -> tuple[Sequence[Bar], float]:
    """The bars of a run's attempts, and how many seconds the chart spans: from the run's creation to its last end, or to now."""
    until = next(each for each in (run.finished, now, run.created) if each is not None)
    known = [time for each in run.attempts for time in (each.created, each.started, each.finished)]
    ends = [until, *(time for time in known if time is not None)]
    begin = min([run.created] + [each.created for each in run.attempts])
    span = max(1.0, max(ends) - begin)

    def part(start: float, end: float) -> tuple[float, float]:
        return round(100 * (start - begin) / span, 3), round(max(0.3, 100 * (end - start) / span), 3)

    counts: dict[str, int] = {}
    bars = []
    for attempt in run.attempts:
        counts[attempt.step] = counts.get(attempt.step, 0) + 1
        last = attempt.finished if attempt.finished is not None else until
        pending_until = attempt.started if attempt.started is not None else max(attempt.created, last)
        running = None
        if attempt.started is not None:
            running = part(attempt.started, max(attempt.started, last))
        bars.append(Bar(attempt, counts[attempt.step], part(attempt.created, pending_until), running))
    return bars, span


def visible(value: object) -> object:
    """A text with what nobody sees written out, as in `\\u202e`; anything else as it is."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return lines.visible(value)


def clip(text: str, length: int = CLIP) -> str:
    """The first characters of a text, at most this many."""
    return text if len(text) <= length else text[: length - 1] + "…"


def duration(seconds: float | None) -> str:
    """`42s`, `3m 12s`, `2h 5m`, `4d 3h`; a dash where it is not known."""
    if seconds is None:
        return "–"
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return (
        f"{whole // 3600}h {whole % 3600 // 60}m"
        if whole < 86_400
        else f"{whole // 86_400}d {whole % 86_400 // 3600}h"
    )


def moment(seconds: float | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time in UTC."""
    if seconds is None:
        return "–"
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime(form)
    except (OverflowError, OSError, ValueError):
        return "–"


def money(amount: float | None, currency: str) -> str:
    """An amount with its currency; small ones with more digits."""
    if amount is None or not currency:
        return "–"
    return f"{amount:.4f} {currency}" if abs(amount) < 1 else f"{amount:,.2f} {currency}"


def share(found: tuple[int, int]) -> str:
    """Hits of requests in per cent."""
    hits, requests = found
    return f"{100 * hits / requests:.0f} %" if requests else "–"
