"""The collector through which prometheus-client's registry reads the exporter's own metrics."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import Metric
from prometheus_client.registry import Collector

from runs.exporter.ledger import Ledger
from runs.exporter.live import Live
from runs.exporter.own_metrics import OWN, Scrape

__all__ = ["OwnMetrics"]


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
