"""The state of a running exporter, and how prometheus-client's registry asks for it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.registry import Collector

from runs.exporter.ledger import Ledger
from runs.exporter.own_metrics import OWN, Scrape
from runs.exporter.prices import Prices
from runs.watching import WatchStatistics

__all__ = ["Live", "OwnMetrics"]

Series = Mapping[tuple[str, ...], float]


def _no_counts() -> Mapping[str, int]:
    return {}


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
    cdevents: Callable[[], Mapping[str, int]] = _no_counts
    """sent, dropped → how many, since the start."""
    cdevents_waiting: Callable[[], int | None] = lambda: None
    """None where CDEvents are sent nowhere."""
    troubles: Callable[[], Sequence[str]] = tuple
    """Requests that the API server refuses or does not answer now."""
    web_errors: Callable[[], int] = lambda: 0
    scrape_seconds: float = 0.0
    series: int = 0


class OwnMetrics(Collector):
    """The exporter's own metrics, for a registry of prometheus-client."""

    def __init__(
        self, live: Live, ledger: Callable[[], Ledger], clock: Callable[[], float] = time.time
    ) -> None:
        self._live, self._ledger, self._clock = live, ledger, clock

    def collect(self) -> Iterable[Metric]:
        """All families that have samples now."""
        ledger = self._ledger()
        size, runs = ledger.size()
        scrape = Scrape(
            live=self._live,
            now=self._clock(),
            ledger_bytes=size,
            ledger_runs=runs,
            ledger_commits=ledger.commits,
            counting_since=ledger.counting_since,
        )
        for family in OWN.families.values():
            metric = Metric(family.name.removesuffix("_total"), family.help, family.type)
            for labels, value in family.samples(scrape):
                family.check(labels)
                metric.add_sample(family.name, dict(zip(family.labels, labels, strict=True)), float(value))
            if metric.samples:
                yield metric
