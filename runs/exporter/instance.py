"""One exporter from start to stop: settings, lease, ledger, watches, web server; settings are read again when they change."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from apiserver.lease import Lease
from apiserver.troubles import Troubles
from documents.diagnostics import InvalidInput
from runs.exporter.configuration import read_configuration
from runs.exporter.family import OTHER
from runs.exporter.ledger import Ledger
from runs.exporter.listeners import Listeners
from runs.exporter.live import Live
from runs.exporter.own_collector import OwnMetrics
from runs.exporter.service import ClusterScope, Service, render_metrics
from runs.exporter.unfinished import UnfinishedRuns
from runs.exporter.web import application
from runs.exporter.web.pages import Pages
from runs.facts import Began
from runs.fan_outs import FanOut
from runs.history import History
from runs.web.failures import Failures
from runs.web.server import WebServer
from runs.web.web_config import Security

__all__ = ["Instance", "Options"]

LOOK_SECONDS = 0.5
RELOAD_SECONDS = 5.0
FORGET_SECONDS = 3600.0
FLUSH_SECONDS = 5.0
NextFires = Callable[[float], Mapping[tuple[str, ...], float]]
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command line."""

    version: str
    host: str
    port: int
    reasons: Mapping[str, str]
    """Code of a decision → what it means."""
    configuration: Path | None = None
    ledger: Path | None = None
    lease: tuple[str, str] | None = None
    """Namespace and name."""
    identity: str = "hookline"
    next_fires: NextFires = field(default=lambda _: {})
    """Unix seconds → namespace, owner and pipeline → coming fire time."""


class Instance:
    """Run until a signal stops it."""

    def __init__(self, options: Options, sources: ClusterScope, security: Security) -> None:
        """Check the settings.

        Raises:
            InvalidInput: The configuration cannot be used.
        """
        self._options, self._sources = options, sources
        self._configuration = read_configuration(options.configuration)
        self._configured_at = self._stamp()
        self._live = Live(version=options.version, prices=self._configuration.price_list, leader=False)
        self._service: Service | None = None
        self._ledger: Ledger | None = None
        self._web_failures, self._troubles = Failures(), Troubles()
        self._live.troubles = self._troubles.current
        self._live.web_errors = lambda: self._web_failures.count
        self._standby = Ledger(None, time.time())
        self._own = CollectorRegistry()
        ProcessCollector(registry=self._own)
        self._own.register(OwnMetrics(self._live, self._shown))
        web = application.Application(
            application.Providers(
                metrics=self._metrics,
                not_ready=self.not_ready,
                history=self._history,
                facts=self._facts,
                unfinished=self._unfinished,
                fan_outs=self._fan_outs,
                warnings=self.warnings,
            ),
            Pages(options.version, options.reasons, self._configuration.grafana, self._configuration.links),
        )
        self._web = WebServer(options.host, options.port, web, security, self._web_failures)
        self._failed = ""

    def run(self, stop: threading.Event, started: Callable[[int], None] = lambda _: None) -> bool:
        """Serve until `stop`; whether it ended well.

        Args:
            stop: Set by whoever ends it.
            started: Is told the port, once it is served.

        Raises:
            OSError: The address cannot be had.
            UnusableLedger: The ledger cannot be used.
        """
        started(self._web.start())
        try:
            if self._options.lease is None:
                self._count(stop)
            else:
                self._count_while_leading(stop, *self._options.lease)
        finally:
            self._web.stop()
        return not self._failed

    def _count_while_leading(self, stop: threading.Event, namespace: str, name: str) -> None:
        lease = Lease(
            self._sources.connection, namespace, name, self._options.identity, troubles=self._troubles
        )

        def count(lost: threading.Event) -> None:
            _log.info("leading", lease=f"{namespace}/{name}", identity=self._options.identity)
            self._count(stop, lost)

        if not lease.lead(stop, count):
            # Somebody else may be counting already: what is not committed is theirs to count.
            self._failed = "the lease was lost"

    def _count(self, stop: threading.Event, lost: threading.Event | None = None) -> None:
        ledger = Ledger(self._options.ledger, time.time(), keep_runs=self._configuration.keep_runs)
        if not self._configuration.log_lines:
            ledger.forget_logs()
        if self._options.ledger is None:
            _log.warning("there is no ledger, so counters begin at 0 at each start")
        self._ledger = ledger
        told = Listeners(self._configuration, ledger)
        service = Service(
            self._sources,
            self._configuration,
            ledger,
            self._live,
            listeners=told.listeners,
            counted=told.wake,
            troubles=self._troubles,
        )
        self._live.messages = lambda: told.results(service.counting.untold)
        self._live.messages_waiting = told.waiting
        self._service, self._live.leader = service, True
        service.start()
        forgot = looked = time.monotonic()
        try:
            while not stop.wait(LOOK_SECONDS):
                if service.failed is not None:
                    self._failed = str(service.failed)
                    return
                if lost is not None and lost.is_set():
                    return
                if time.monotonic() - looked < RELOAD_SECONDS:
                    continue
                looked = time.monotonic()
                self._reload(service)
                self._live.next_fires = self._options.next_fires(time.time())
                if time.monotonic() - forgot > FORGET_SECONDS:
                    forgot = time.monotonic()
                    ledger.forget(time.time())
        finally:
            self._live.leader = False
            service.stop()
            told.close(FLUSH_SECONDS)

    # Settings

    def _stamp(self) -> float:
        path = self._options.configuration
        try:
            return 0.0 if path is None else path.stat().st_mtime
        except OSError:
            return -1.0

    def _reload(self, service: Service) -> None:
        stamp = self._stamp()
        if stamp == self._configured_at:
            return
        self._configured_at = stamp
        try:
            self._configuration = read_configuration(self._options.configuration)
        except InvalidInput as error:
            self._live.reload_ok = False
            _log.error("configuration not reloaded", error=str(error))
            return
        service.configure(self._configuration)
        _log.info("configuration reloaded")

    # What the web asks

    def not_ready(self) -> str | None:
        """Reason for which this instance does not know the state of the cluster; None if it knows it, or waits for the lease."""
        if self._service is not None:
            return self._service.not_ready(time.time())
        # One that waits is as ready as it can be: else a rollout would wait for it.
        return self._troubles.of("leases") if self._options.lease is not None else "starting"

    def warnings(self) -> Sequence[str]:
        """Problems that do not stop this instance; one line each."""
        return [*self._troubles.current(), *self._web_failures.warnings()]

    def _history(self) -> History | None:
        return self._ledger

    def _unfinished(self) -> UnfinishedRuns | None:
        service = self._service
        if service is None or not self._live.leader:
            return None
        counting = service.counting

        def pipeline(began: Began) -> str:
            return counting.rules.labels.name(began) or OTHER

        return UnfinishedRuns(counting.unfinished, counting.ledger.shown_attempts, pipeline)

    def _fan_outs(self) -> Sequence[FanOut]:
        service = self._service
        return () if service is None or not self._live.leader else service.counting.unfinished_fan_outs()

    def _metrics(self, accept: str, zipped: bool) -> tuple[bytes, str, str | None]:
        return render_metrics(self._shown(), self._live, self._own, accept, zipped=zipped)

    def _shown(self) -> Ledger:
        return self._standby if self._ledger is None else self._ledger

    def _facts(self) -> Mapping[str, str]:
        prices = self._live.prices
        return {
            "version": self._options.version,
            "counting": "yes" if self._live.leader else "no, another instance does",
            "namespace": ", ".join(self._sources.namespaces) or "all",
            "templates": ", ".join(self._configuration.templates),
            "ledger": "in memory: counters begin at 0 at each start"
            if self._options.ledger is None
            else "on disk",
            "prices": f"{prices.source}, {prices.date}",
        }
