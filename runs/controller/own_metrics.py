"""The controller's own metrics."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from runs.controller.duty import Companion
from runs.reports.outgoing import Outgoing

__all__ = ["FAMILIES", "ControllerMetrics"]

FAMILIES: Mapping[str, str] = {
    "hookline_controller_build_info": "Version of this controller.",
    "hookline_controller_leading": "Whether this instance acts; of several one does.",
    "hookline_controller_reports_total": "Statuses by what came of them: delivered; refused, where the host will never take it; "
    "given_up, where it did not take it for a day; spared, where the host's requests were scarce and a later word follows.",
    "hookline_controller_report_retries_total": "Requests that the host did not take, and that are made again.",
    "hookline_controller_reports_waiting": "Statuses that the host has not taken yet.",
    "hookline_controller_oldest_report_seconds": "How long the oldest of them has waited.",
}
"""Name → help."""


class ControllerMetrics(Collector):
    """The controller's own metrics, for a registry of prometheus-client."""

    def __init__(
        self,
        version: str,
        leading: Callable[[], bool],
        hosts: Callable[[], Mapping[str, Outgoing]],
        companions: Sequence[Companion] = (),
    ) -> None:
        """Read at each scrape.

        Args:
            version: Of hookline.
            leading: Whether this instance acts.
            hosts: Source → its statuses on their way.
            companions: Have metrics of their own.
        """
        self._version, self._leading, self._hosts, self._companions = version, leading, hosts, companions

    def collect(self) -> Iterable[Metric]:
        """All families."""

        def gauge(name: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(name, FAMILIES[name], labels=labels)

        def counter(name: str, *labels: str) -> CounterMetricFamily:
            return CounterMetricFamily(name, FAMILIES[name], labels=labels)

        build, leading = (
            gauge("hookline_controller_build_info", "version"),
            gauge("hookline_controller_leading"),
        )
        build.add_metric([self._version], 1)
        leading.add_metric([], float(self._leading()))
        results = counter("hookline_controller_reports_total", "source", "result")
        retries = counter("hookline_controller_report_retries_total", "source")
        waiting = gauge("hookline_controller_reports_waiting", "source")
        oldest = gauge("hookline_controller_oldest_report_seconds", "source")
        for source, outgoing in sorted(self._hosts().items()):
            found = outgoing.results
            for result in ("delivered", "refused", "given_up", "spared"):
                results.add_metric([source, result], getattr(found, result))
            retries.add_metric([source], found.retries)
            waiting.add_metric([source], outgoing.waiting)
            oldest.add_metric([source], outgoing.oldest_seconds)
        beside = [family for each in self._companions for family in each.metrics()]
        return [build, leading, results, retries, waiting, oldest, *beside]
