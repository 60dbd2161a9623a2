"""The measured recording: its ledger, and a server of its metrics and pages."""

from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from runs.exporter.configuration import Configuration
from runs.exporter.counting import Counting
from runs.exporter.ledger import Ledger
from runs.exporter.live import Live
from runs.exporter.measuring_rules import make_rules
from runs.exporter.own_collector import OwnMetrics
from runs.exporter.recording import replay
from runs.exporter.service import render_metrics
from runs.exporter.web import application
from runs.exporter.web.pages import Pages
from runs.history import History
from runs.web.failures import Failures
from runs.web.server import WebServer
from runs.web.web_config import Security

__all__ = ["Replayed"]


class Replayed:
    """The measured content of a recording."""

    def __init__(self, path: Path, configuration: Configuration) -> None:
        """Measure the recording that a folder, or a zip of one, holds.

        Raises:
            InvalidRecording: It holds none.
        """
        self._path = path
        self._prices, self._grafana = configuration.price_list, configuration.grafana
        self._links = configuration.links
        self.ledger = Ledger(None, 0.0, count_from=0.0, keep_runs=configuration.keep_runs)
        rules, red_logs = make_rules(configuration, self.ledger), configuration.log_lines > 0
        counting = Counting(self.ledger, rules, red_logs=red_logs)
        told = replay(
            path, counting, configuration.templates, configuration.log_limit_bytes, configuration.log_lines
        )
        self.counted = sum(len(found) for _, found in told)

    def server(self, version: str, reasons: Mapping[str, str], host: str, port: int) -> WebServer:
        """Serves its metrics and pages; not started yet."""
        live = Live(version=version, prices=self._prices)
        own = CollectorRegistry()
        own.register(OwnMetrics(live, lambda: self.ledger))
        failures = Failures()
        live.web_errors = lambda: failures.count

        def metrics(accept: str, zipped: bool) -> tuple[bytes, str, str | None]:
            return render_metrics(self.ledger, live, own, accept, zipped=zipped)

        def history() -> History:
            return self.ledger

        facts = {"version": version, "recording": self._path.name}
        security = Security(None)
        sources = application.Providers(
            metrics=metrics,
            not_ready=lambda: None,
            history=history,
            facts=lambda: facts,
            warnings=failures.warnings,
        )
        return WebServer(
            host,
            port,
            application.Application(sources, Pages(version, reasons, self._grafana, self._links)),
            security,
            failures,
        )
