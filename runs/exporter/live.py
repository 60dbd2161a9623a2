"""What is asked for at each scrape: the state of the exporter itself, of watches, and of runs that have not ended."""

import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runs.exporter.ledger import Ledger
from runs.exporter.prices import Prices
from runs.watching import WatchStatistics

__all__ = ["Live", "live_series"]

Series = Mapping[tuple[str, ...], float]


@dataclass(slots=True)
class Live:
    """What changes while the exporter runs; one writer a field."""

    version: str
    prices: Prices
    leader: bool = True
    statistics: Mapping[str, WatchStatistics] = field(default_factory=dict)
    """Resource → its watch."""
    active: Series = field(default_factory=dict)
    """Runs by pipeline and state, as of the last change."""
    tracked: tuple[int, int, int] = (0, 0, 0)
    """Runs, pods and logs in memory."""
    next_fires: Series = field(default_factory=dict)
    """Pipeline → its coming fire time, Unix seconds."""
    reload_ok: bool = True
    reloaded_at: float = field(default_factory=time.time)
    cdevents: Mapping[str, int] = field(default_factory=dict)
    scrape_seconds: float = 0.0
    series: int = 0


def live_series(live: Live, ledger: Ledger, now: float) -> Mapping[str, Series]:
    """Family → labels → value."""
    size, runs = ledger.size()
    prices = live.prices
    found: dict[str, Series] = {
        "hookline_runs_active": live.active,
        "hookline_schedule_next_timestamp_seconds": live.next_fires,
        "hookline_counting_since_timestamp_seconds": {(): ledger.counting_since},
        "hookline_build_info": {(live.version, platform.python_version()): 1.0},
        "hookline_price_info": {(prices.currency, prices.source): 1.0},
        "hookline_price_date_seconds": {(): prices.as_of},
        "hookline_leader": {(): float(live.leader)},
        "hookline_tracked_objects": dict(
            zip((("run",), ("pod",), ("log",)), map(float, live.tracked), strict=True)
        ),
        "hookline_ledger_bytes": {(): float(size)},
        "hookline_ledger_runs": {(): float(runs)},
        "hookline_ledger_commits_total": {(): float(ledger.commits)},
        "hookline_series": {(): float(live.series)},
        "hookline_scrape_duration_seconds": {(): live.scrape_seconds},
        "hookline_config_last_reload_successful": {(): float(live.reload_ok)},
        "hookline_config_last_reload_success_timestamp_seconds": {(): live.reloaded_at},
        "hookline_cdevents_total": {(result,): float(count) for result, count in live.cdevents.items()},
    }
    return {**found, **_watches(live.statistics.items(), now)}


def _watches(statistics: Iterable[tuple[str, WatchStatistics]], now: float) -> Mapping[str, Series]:
    found: dict[str, dict[tuple[str, ...], float]] = {}

    def put(name: str, labels: tuple[str, ...], value: float) -> None:
        found.setdefault(f"hookline_{name}", {})[labels] = float(value)

    for resource, each in statistics:
        put("list_total", (resource,), each.lists)
        put("watch_total", (resource,), each.watches)
        put("relists_total", (resource,), each.relists)
        put("watch_events_total", (resource,), each.events)
        put("watch_undecodable_total", (resource,), each.undecodable)
        put("decode_seconds_total", (resource,), each.decode_seconds)
        if each.last_activity:
            put("watch_age_seconds", (resource,), max(0.0, now - each.last_activity))
        for reason, count in dict(each.list_errors).items():
            put("list_errors_total", (resource, reason), count)
        for reason, count in dict(each.watch_errors).items():
            put("watch_errors_total", (resource, reason), count)
    return found
