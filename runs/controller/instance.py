"""One controller from start to stop: lease, watches, duties, web server."""

import gc
import gzip
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, exposition

from apiserver.connection import Connection, Refused
from apiserver.lease import Lease
from apiserver.reflector import Reflector, WatchStatistics, WatchTarget
from apiserver.resources import MERGE_PATCH
from apiserver.troubles import Troubles
from runs.controller.duty import Companion, Hands, WorkflowDuty
from runs.controller.own_metrics import ControllerMetrics
from runs.controller.settings import ControllerSettings
from runs.controller.superseder import Due, Superseder
from runs.objects import Workflow, workflow_of
from runs.reports.marks import Mark, patch_of
from runs.reports.outgoing import Outgoing
from runs.reports.reporter import Reporter
from runs.reports.status import Report
from runs.web.requests import Answer, Request, metrics_answer, probe
from runs.web.server import WebServer
from runs.web.web_config import Security
from triggers.words import PREFIX

__all__ = ["Controller", "Options"]

QUEUE = 20_000
"""Changes that may wait; then watches wait."""
LOOK_SECONDS = 0.5
JOIN_SECONDS = 10.0
"""How long companions may take to end, all together; the pod has 30 s."""
STALE_SECONDS = 600.0
"""Without any sign of the API server for so long the controller is not ready: watches are renewed at least every 5 minutes."""
WORKFLOWS = "/apis/argoproj.io/v1alpha1"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command line."""

    version: str
    host: str
    port: int
    settings: ControllerSettings
    namespaces: Sequence[str] = ()
    """Watched ones; none for all."""
    lease: tuple[str, str] | None = None
    """Namespace and name."""
    identity: str = "hookline"


@dataclass(frozen=True, slots=True)
class _Change:
    action: Literal["changed", "gone", "synced"]
    workflow: Workflow | None = None
    uid: str = ""


class _Sink:
    """Hands what a watch sees to the thread that reports; waits when that cannot keep up."""

    def __init__(self, changes: "queue.Queue[_Change]") -> None:
        self._changes = changes

    def changed(self, _: str, record: Workflow) -> None:
        self._changes.put(_Change("changed", record))

    def deleted(self, _: str, record: Workflow) -> None:
        self._changes.put(_Change("changed", record))
        self._changes.put(_Change("gone", uid=record.uid))

    def vanished(self, _: str, uid: str) -> None:
        self._changes.put(_Change("gone", uid=uid))

    def synced(self, _: str) -> None:
        self._changes.put(_Change("synced"))


class Controller:
    """Run until a signal stops it."""

    def __init__(
        self,
        options: Options,
        connection: Connection,
        security: Security,
        companions: Sequence[Companion] = (),
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            options: Of the command line.
            connection: To the API server.
            security: Of what is served.
            companions: Run beside the reports while this instance leads.
        """
        self._options, self._connection = options, connection
        self._superseder = Superseder(options.settings.superseded)
        self._companions = (*companions, self._superseder)
        self._troubles = Troubles()
        self._statistics: dict[str, WatchStatistics] = {}
        self._hosts: Mapping[str, Outgoing] = {}
        self._leading = False
        self._failed = ""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(
            ControllerMetrics(options.version, lambda: self._leading, lambda: self._hosts, self._companions)
        )
        self._web = WebServer(
            options.host, options.port, _Application(registry, self.not_ready, self.warnings), security
        )

    def run(self, stop: threading.Event, started: Callable[[int], None] = lambda _: None) -> bool:
        """Act until `stop`; whether it ended well.

        Args:
            stop: Set by whoever ends it.
            started: Is told the port, once it is served.

        Raises:
            OSError: The address cannot be had.
        """
        started(self._web.start())
        try:
            if self._options.lease is None:
                self._act(stop, threading.Event())
            else:
                namespace, name = self._options.lease
                lease = Lease(
                    self._connection, namespace, name, self._options.identity, troubles=self._troubles
                )
                if not lease.lead(stop, lambda lost: self._act(stop, lost)):
                    # What somebody else reports now is marked: nothing is told twice for long.
                    self._failed = "the lease was lost"
                    _log.error(self._failed)
        finally:
            self._web.stop()
        return not self._failed

    def not_ready(self) -> str | None:
        """Reason for which this instance does not know the state of the cluster; None if it knows it, or waits for the lease."""
        if self._failed:
            return self._failed
        if not self._leading:
            # One that waits is as ready as it can be: else a rollout would wait for it.
            return self._troubles.of("leases") if self._options.lease is not None else "starting"
        for each in self._statistics.values():
            if not each.synced:
                return (
                    self._troubles.of("workflows") or f"workflows: not listed yet {each.last_error}".rstrip()
                )
            if time.time() - each.last_activity > STALE_SECONDS:
                return self._troubles.of("workflows") or "workflows: the API server sent nothing"
        return None

    def warnings(self) -> Sequence[str]:
        """Problems that do not stop this instance; one line each."""
        hosts = [
            f"source {source}: {each.results.problem}"
            for source, each in self._hosts.items()
            if each.results.problem
        ]
        beside = [line for each in self._companions for line in each.warnings()]
        return [*self._troubles.current(), *hosts, *beside]

    # At work

    def _act(self, stop: threading.Event, lost: threading.Event) -> None:
        settings = self._options.settings
        self._hosts = {name: self._outgoing(name) for name in settings.sources}
        for outgoing in self._hosts.values():
            outgoing.start()
        self._leading = True
        ended = threading.Event()
        beside = self._begin_beside(ended)
        try:
            for _ in self._follow(self._put):
                if stop.is_set() or lost.is_set():
                    return
        finally:
            self._leading = False
            ended.set()
            for thread in beside:
                # One that waits for an answer ends with the process: whatever it does can be done twice.
                thread.join(JOIN_SECONDS / len(beside))
            for outgoing in self._hosts.values():
                outgoing.stop()

    def _put(self, source: str, report: Report) -> None:
        self._hosts[source].put(report)

    def _begin_beside(self, ended: threading.Event) -> list[threading.Thread]:
        hands = Hands(self._connection, self._options.settings, self._put, self._superseder.close)
        threads = [
            threading.Thread(target=each.run, args=(hands, ended), name=each.name, daemon=True)
            for each in self._companions
        ]
        for each in threads:
            each.start()
        return threads

    def due(
        self, hear: Callable[[Hands], None] = lambda _: None
    ) -> tuple[list[tuple[str, Report]], list[Due]]:
        """Statuses that are due now, with their sources, and runs that are due to end. Nothing is sent, and no run is stopped.

        Args:
            hear: Is called once with hands that only note what they are given; what it raises passes.

        Raises:
            ConnectionError: The API server cannot be reached, or refuses.
        """
        found: list[tuple[str, Report]] = []
        for listed in self._follow(lambda source, report: found.append((source, report))):
            if listed:
                break
            if trouble := self._troubles.current():
                raise ConnectionError(trouble[0])
        hear(
            Hands(
                self._connection,
                self._options.settings,
                lambda source, report: found.append((source, report)),
                self._superseder.close,
            )
        )
        return found, self._superseder.due(time.time())

    def _follow(self, send: Callable[[str, Report], None]) -> Iterator[bool]:
        """Follow the Workflows; after each change, and each half second without, whether all were listed."""
        changes: queue.Queue[_Change] = queue.Queue(QUEUE)
        duties = self._duties(send)
        ended, watched = threading.Event(), tuple(self._options.namespaces) or ("",)
        for namespace in watched:
            self._watch(namespace, changes, ended)
        _thread("troubles", self._troubles.watch_over, ended)
        unlisted = len(watched)
        try:
            while True:
                try:
                    change = changes.get(timeout=LOOK_SECONDS)
                except queue.Empty:
                    yield unlisted <= 0
                    continue
                now = time.time()
                if change.action == "synced":
                    unlisted -= 1
                    if unlisted == 0:
                        for duty in duties:
                            duty.synced(now)
                        # What the first lists left behind stays: the collector need not look at it again.
                        gc.collect()
                        gc.freeze()
                elif change.workflow is not None:
                    for duty in duties:
                        duty.changed(change.workflow, now)
                else:
                    for duty in duties:
                        duty.gone(change.uid)
                yield unlisted <= 0
        finally:
            ended.set()

    def _duties(self, send: Callable[[str, Report], None]) -> Sequence[WorkflowDuty]:
        """The duties that are told of each Workflow, in this order."""
        settings = self._options.settings
        apis = {name: each.host_api for name, each in settings.sources.items()}
        return [Reporter(apis, send, settings.naming), self._superseder]

    def _watch(self, namespace: str, changes: "queue.Queue[_Change]", ended: threading.Event) -> None:
        where = f"{WORKFLOWS}/namespaces/{namespace}" if namespace else WORKFLOWS
        target = WatchTarget(
            "workflows", f"{where}/workflows", {"labelSelector": f"{PREFIX}pipeline"}, namespace
        )

        def keep(raw: Mapping[str, Any]) -> Workflow | None:
            return workflow_of(raw, frozenset())

        reflector = Reflector(self._connection, target, keep, _Sink(changes), troubles=self._troubles)
        self._statistics[namespace] = reflector.statistics
        _thread(f"watch-{namespace}", reflector.run, ended)

    def _outgoing(self, source: str) -> Outgoing:
        found = self._options.settings.sources[source]
        api = found.host_api.at(found.api.rstrip("/"))

        def told(report: Report, memory: str) -> None:
            self._mark(
                report, Mark(api.states[report.status.word], report.status.final, report.finished, memory)
            )

        return Outgoing(source, api, found.send(), told)

    def _mark(self, report: Report, mark: Mark) -> None:
        if not report.uid:
            # The status belongs to no Workflow; the host is asked the next time.
            return
        path = f"{WORKFLOWS}/namespaces/{report.namespace}/workflows/{report.workflow}"
        try:
            self._connection.json("PATCH", path, body=patch_of(report.uid, mark), content_type=MERGE_PATCH)
            self._troubles.answered("patch", "workflows", report.namespace)
        except Refused as refused:
            # It is gone, or another one has its name: there is nothing to mark.
            if refused.status not in {404, 409}:
                self._troubles.failed("patch", "workflows", report.namespace, refused)
                raise


class _Application:
    """Probes and metrics."""

    def __init__(
        self,
        registry: CollectorRegistry,
        not_ready: Callable[[], str | None],
        warnings: Callable[[], Sequence[str]],
    ) -> None:
        self._registry, self._not_ready, self._warnings = registry, not_ready, warnings

    def probe(self, request: Request) -> Answer | None:
        """The answer to Kubernetes' probes; None for everything else."""
        return probe(request, self._not_ready, self._warnings)

    def answer(self, request: Request) -> Answer:
        """Metrics; nothing else is here."""
        if request.path == "/metrics":
            return metrics_answer(request, self._metrics)
        return Answer(HTTPStatus.NOT_FOUND, b"there are /metrics, /-/healthy and /-/ready\n")

    def _metrics(self, accept: str, zipped: bool) -> tuple[bytes, str, str | None]:
        encode, kind = exposition.choose_encoder(accept)
        body = encode(self._registry)
        return (gzip.compress(body, 1, mtime=0), kind, "gzip") if zipped else (body, kind, None)


def _thread(name: str, run: Callable[[threading.Event], None], ended: threading.Event) -> None:
    threading.Thread(target=run, args=(ended,), name=name, daemon=True).start()
