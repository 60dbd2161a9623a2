"""Metrics that are made anew at each scrape: the state of the exporter, of its watches, and of runs that have not ended.

They go through prometheus-client's registry. Only the series of pipelines, a hundred thousand, come from cached text.
"""

import platform
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runs.exporter.family import FAN_OUT, PIPELINE, RUN_STATES, Declarations, Points
from runs.exporter.live import Live

if TYPE_CHECKING:
    from apiserver.reflector import WatchStatistics

__all__ = ["OWN", "Scrape"]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Data that a scrape reads."""

    live: Live
    now: float
    """Unix seconds."""
    ledger_bytes: int
    ledger_runs: int
    ledger_commits: int
    counting_since: float
    """Unix seconds."""


OWN = Declarations[Scrape](kept=False)


@OWN(
    "hookline_runs_active",
    "gauge",
    (*PIPELINE, "state"),
    "Runs that are not counted yet. pending: no step has run yet; finalizing: the run has ended, and its logs are being read.",
    values={"state": RUN_STATES},
)
def runs_active(scrape: Scrape) -> Points:
    return scrape.live.active.items()


@OWN(
    "hookline_fan_out_runs_waiting",
    "gauge",
    FAN_OUT,
    "Runs that fan-outs have still to start. Argo writes the progress of a pod down once a minute.",
)
def fan_out_runs_waiting(scrape: Scrape) -> Points:
    return scrape.live.waiting.items()


@OWN(
    "hookline_schedule_next_timestamp_seconds",
    "gauge",
    PIPELINE,
    "Next fire time of a schedule, by the declaration given with --file.",
)
def schedule_next(scrape: Scrape) -> Points:
    return scrape.live.next_fires.items()


@OWN(
    "hookline_counting_since_timestamp_seconds",
    "gauge",
    (),
    "Time since which runs are counted: the first start with this ledger, or the last start without one.",
)
def counting_since(scrape: Scrape) -> Points:
    yield (), scrape.counting_since


@OWN("hookline_build_info", "gauge", ("version", "python"), "1, with the version of hookline.")
def build_info(scrape: Scrape) -> Points:
    yield (scrape.live.version, platform.python_version()), 1


@OWN("hookline_price_info", "gauge", ("currency", "source"), "1 for the price list in use.")
def price_info(scrape: Scrape) -> Points:
    yield (scrape.live.prices.currency, scrape.live.prices.source), 1


@OWN("hookline_price_date_seconds", "gauge", (), "Day of the price list.")
def price_date(scrape: Scrape) -> Points:
    yield (), scrape.live.prices.as_of


@OWN("hookline_leader", "gauge", (), "1 while this instance counts, 0 while it waits.")
def leader(scrape: Scrape) -> Points:
    yield (), float(scrape.live.leader)


def _watches(value: "Callable[[WatchStatistics], float]") -> Callable[[Scrape], Points]:
    """A number of all watches of a resource together."""
    return lambda scrape: (
        ((name,), sum(value(each) for each in found)) for name, found in scrape.live.statistics.items()
    )


def _errors(value: "Callable[[WatchStatistics], Mapping[str, int]]") -> Callable[[Scrape], Points]:
    """Errors of all watches of a resource together, by reason."""

    def errors(scrape: Scrape) -> Points:
        for name, found in scrape.live.statistics.items():
            counts: Counter[str] = Counter()
            for each in found:
                counts.update(dict(value(each)))
            yield from (((name, reason), count) for reason, count in counts.items())

    return errors


OWN(
    "hookline_list_total", "counter", ("resource",), "Complete lists of a resource that the API server sent."
)(_watches(lambda each: each.lists))
OWN("hookline_watch_total", "counter", ("resource",), "Watches that the exporter opened.")(
    _watches(lambda each: each.watches)
)
OWN("hookline_list_errors_total", "counter", ("resource", "reason"), "Lists that failed.")(
    _errors(lambda each: each.list_errors)
)
OWN("hookline_watch_errors_total", "counter", ("resource", "reason"), "Watches that failed.")(
    _errors(lambda each: each.watch_errors)
)
OWN(
    "hookline_relists_total",
    "counter",
    ("resource",),
    "Lists after the first one. The exporter may have missed changes before each.",
)(_watches(lambda each: each.relists))
OWN("hookline_watch_events_total", "counter", ("resource",), "Changes that the exporter received.")(
    _watches(lambda each: each.events)
)
OWN(
    "hookline_watch_undecodable_total",
    "counter",
    ("resource",),
    "Objects and lines of watches that were dropped because nobody can read them.",
)(_watches(lambda each: each.undecodable))
OWN("hookline_decode_seconds_total", "counter", ("resource",), "Time that decoding JSON took.")(
    _watches(lambda each: each.decode_seconds)
)


@OWN(
    "hookline_watch_age_seconds",
    "gauge",
    ("resource",),
    "Time since the API server last sent anything about a resource, bookmarks included. Of several namespaces, that of the longest silence.",
)
def watch_age(scrape: Scrape) -> Points:
    for name, found in scrape.live.statistics.items():
        if heard := [each.last_activity for each in found if each.last_activity]:
            yield (name,), max(0.0, scrape.now - min(heard))


@OWN(
    "hookline_api_requests_failing",
    "gauge",
    (),
    "Kinds of requests that the API server refuses or does not answer now; /-/ready names them.",
)
def api_requests_failing(scrape: Scrape) -> Points:
    yield (), len(scrape.live.troubles())


@OWN(
    "hookline_tracked_objects",
    "gauge",
    ("object",),
    "Objects that are kept in memory until they are counted.",
    values={"object": ("run", "pod", "log")},
)
def tracked_objects(scrape: Scrape) -> Points:
    return zip((("run",), ("pod",), ("log",)), map(float, scrape.live.tracked), strict=True)


@OWN("hookline_ledger_bytes", "gauge", (), "Size of the ledger file; 0 if the ledger is in memory only.")
def ledger_bytes(scrape: Scrape) -> Points:
    yield (), scrape.ledger_bytes


@OWN("hookline_ledger_runs", "gauge", (), "Runs that the ledger keeps for the pages.")
def ledger_runs(scrape: Scrape) -> Points:
    yield (), scrape.ledger_runs


@OWN("hookline_ledger_commits_total", "counter", (), "Transactions of the ledger since the start.")
def ledger_commits(scrape: Scrape) -> Points:
    yield (), scrape.ledger_commits


@OWN("hookline_series", "gauge", (), "Series that the last scrape held.")
def series(scrape: Scrape) -> Points:
    yield (), scrape.live.series


@OWN("hookline_scrape_duration_seconds", "gauge", (), "Time that the last scrape took to answer.")
def scrape_duration(scrape: Scrape) -> Points:
    yield (), scrape.live.scrape_seconds


@OWN(
    "hookline_web_errors_total",
    "counter",
    (),
    "Requests to the pages or to /metrics that hookline failed to answer.",
)
def web_errors(scrape: Scrape) -> Points:
    yield (), scrape.live.web_errors()


@OWN(
    "hookline_config_last_reload_successful",
    "gauge",
    (),
    "1 if the last reload of the configuration succeeded, else 0.",
)
def reload_successful(scrape: Scrape) -> Points:
    yield (), float(scrape.live.reload_ok)


@OWN(
    "hookline_config_last_reload_success_timestamp_seconds",
    "gauge",
    (),
    "Time of the last reload of the configuration that succeeded.",
)
def reload_time(scrape: Scrape) -> Points:
    yield (), scrape.live.reloaded_at


@OWN(
    "hookline_listener_messages_total",
    "counter",
    ("listener", "result"),
    "Messages to a receiver of finished runs, such as that of CDEvents. dropped: the receiver will never accept it (4xx), or too many were waiting.",
    values={"result": ("sent", "dropped")},
    stability="experimental",
)
def listener_messages(scrape: Scrape) -> Points:
    return scrape.live.messages().items()


@OWN(
    "hookline_listener_messages_waiting",
    "gauge",
    ("listener",),
    "Messages to a receiver of finished runs that are not delivered yet; the ledger keeps them.",
    stability="experimental",
)
def listener_messages_waiting(scrape: Scrape) -> Points:
    return scrape.live.messages_waiting().items()
