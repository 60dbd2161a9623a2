"""The running exporter: threads that watch, one thread that counts, and the data for HTTP requests."""

import contextlib
import gc
import gzip
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from apiserver.connection import Connection
from apiserver.reflector import Reflector, WatchStatistics, WatchTarget
from apiserver.troubles import Troubles
from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, records
from runs.exporter.ledger import Ledger
from runs.exporter.live import Live
from runs.exporter.log_reading import LogReading
from runs.exporter.measuring import Rules
from runs.exporter.measuring_rules import make_rules
from runs.exporter.recording import Recorder
from runs.exporter.series import OPENMETRICS_TYPE, TEXT_TYPE
from runs.facts import Listener
from runs.fan_outs import FanOut
from runs.objects import Notice, Pod, Workflow
from runs.tracker import ALL_NAMESPACES

__all__ = ["ClusterScope", "Service", "render_metrics"]

BATCH = 2000
"""Changes that are counted in one transaction at most."""
QUEUE = 20_000
"""Changes that may wait; then watches wait."""
PAUSE_SECONDS = 0.1
"""Seconds that the counting thread waits for more changes: this limits the commits per second, and the delay."""
STALE_SECONDS = 600.0
"""Without any sign of a resource for so long the exporter is not ready: watches are renewed at least every 5 minutes."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ClusterScope:
    """Cluster and namespaces that the exporter watches."""

    connection: Connection
    namespaces: tuple[str, ...] = ALL_NAMESPACES
    """Each is watched by itself, so that a right in it is enough."""

    @staticmethod
    def path(resource: str, namespace: str) -> str:
        """The API path of a resource in a namespace; empty for all."""
        group = "/apis/argoproj.io/v1alpha1" if resource == "workflows" else "/api/v1"
        return f"{group}/namespaces/{namespace}/{resource}" if namespace else f"{group}/{resource}"


SELECTORS: Mapping[str, Mapping[str, str]] = {
    "workflows": {},
    # A label that never changes: a selector on one that does makes objects leave the watch when they get interesting.
    "pods": {"labelSelector": "workflows.argoproj.io/workflow"},
    "events": {"fieldSelector": "involvedObject.kind=Pod"},
}


def render_metrics(
    ledger: Ledger, live: Live, own: CollectorRegistry, accept: str, *, zipped: bool
) -> tuple[bytes, str, str | None]:
    """The answer to a scrape: body, content type, content encoding.

    Args:
        ledger: The series that are kept.
        live: Is told how large the answer was, and how long it took.
        own: The metrics of the exporter and of the process.
        accept: The request's header.
        zipped: Whether the reader takes gzip.
    """
    began = time.perf_counter()
    openmetrics = "application/openmetrics-text" in accept
    if openmetrics:
        first = openmetrics_exposition.generate_latest(own).removesuffix(b"# EOF\n")  # type: ignore[no-untyped-call]
    else:
        first = generate_latest(own)
    body = gzip.compress(first, 1, mtime=0) if zipped else first
    body += ledger.exposition(openmetrics=openmetrics, zipped=zipped)
    live.series = len(ledger.series)
    live.scrape_seconds = time.perf_counter() - began
    return body, OPENMETRICS_TYPE if openmetrics else TEXT_TYPE, "gzip" if zipped else None


class _Sink:
    """Hands what the reflector of a namespace sees to the counting thread; waits when that cannot keep up."""

    def __init__(
        self,
        changes: "queue.Queue[Change]",
        namespace: str,
        recorder: Recorder | None,
        complete: Callable[[str], bool],
    ) -> None:
        self._changes, self._namespace = changes, namespace
        self._recorder, self._complete = recorder, complete

    def changed(self, resource: str, record: Workflow | FanOut | Pod | Notice) -> None:
        self._changes.put(Change(resource, "changed", record))

    def deleted(self, resource: str, record: Workflow | FanOut | Pod | Notice) -> None:
        self._changes.put(Change(resource, "deleted", record))

    def vanished(self, resource: str, uid: str) -> None:
        if self._recorder is not None:
            self._recorder.vanished(time.time(), resource, uid)
        self._changes.put(Change(resource, "vanished", uid=uid))

    def synced(self, resource: str) -> None:
        # A recording knows no namespaces: what it says of a resource, it says of all of them.
        if self._recorder is not None and self._complete(resource):
            self._recorder.synced(time.time(), resource)
        self._changes.put(Change(resource, "synced", namespace=self._namespace))


class Service:
    """Watches and counts, from start() to stop()."""

    def __init__(
        self,
        sources: ClusterScope,
        configuration: Configuration,
        ledger: Ledger,
        live: Live,
        *,
        listeners: Sequence[Listener] = (),
        counted: Callable[[], None] = lambda: None,
        recorder: Recorder | None = None,
        troubles: Troubles | None = None,
    ) -> None:
        """Prepare to watch.

        Args:
            sources: Where.
            configuration: What, and how.
            ledger: Keeps what is counted.
            live: Is told what changes.
            listeners: Are told what is counted, in the same transaction.
            counted: Called after each transaction that counted something.
            recorder: Writes down what is seen.
            troubles: Is told what the API server refuses, or does not answer.
        """
        self.troubles = troubles or Troubles()
        self._sources, self._configuration = sources, configuration
        self.live, self._counted, self._recorder = live, counted, recorder
        self.counting = Counting(
            ledger,
            make_rules(configuration, ledger),
            listeners,
            namespaces=sources.namespaces,
            red_logs=configuration.log_lines > 0,
        )
        self._changes: queue.Queue[Change] = queue.Queue(QUEUE)
        self._stop = threading.Event()
        self._logs = LogReading(sources.connection, configuration, self.troubles, self._changes.put, recorder)
        self.statistics: dict[str, tuple[WatchStatistics, ...]] = {}
        self._counter: threading.Thread | None = None
        self.failed: BaseException | None = None

    def start(self) -> None:
        """Begin to watch; returns at once."""
        keep = records(self._configuration.templates)
        for resource in RESOURCES:
            reflectors: list[Reflector[Any]] = [
                Reflector(
                    self._sources.connection,
                    WatchTarget(
                        resource, self._sources.path(resource, namespace), SELECTORS[resource], namespace
                    ),
                    keep[resource],
                    _Sink(self._changes, namespace, self._recorder, self._complete),
                    record=self._record(resource),
                    troubles=self.troubles,
                )
                for namespace in self._sources.namespaces
            ]
            self.statistics[resource] = tuple(each.statistics for each in reflectors)
            for reflector in reflectors:
                _thread(f"watch-{resource}", reflector.run, self._stop)
        self.live.statistics = self.statistics
        self._logs.start()
        _thread("troubles", self.troubles.watch_over, self._stop)
        self._counter = _thread("count", self._count)

    def _record(self, resource: str) -> Callable[[str, Mapping[str, Any]], None] | None:
        recorder = self._recorder
        if recorder is None:
            return None
        return lambda kind, raw: recorder.object(time.time(), resource, kind, raw)

    def stop(self) -> None:
        """End: what was seen is counted, what is being read is read again after the next start."""
        self._stop.set()
        self._logs.stop()
        # Nothing changes by it: it ends the wait for changes.
        with contextlib.suppress(queue.Full):
            self._changes.put_nowait(Change("logs", "read"))
        # Watches and log readers wait for the network, and hold nothing that is not asked for again.
        if self._counter is not None:
            self._counter.join(10)

    def not_ready(self, now: float) -> str | None:
        """Reason for which the exporter does not know the state of the cluster; None if it knows it."""
        if self.failed is not None:
            return f"counting failed: {self.failed}"
        for resource, each in self._watches():
            if not each.synced:
                return self.troubles.of(resource) or f"{resource}: not listed yet {each.last_error}".rstrip()
            if now - each.last_activity > STALE_SECONDS:
                heard = f"{resource}: the API server sent nothing for {now - each.last_activity:.0f} s"
                return "; ".join(filter(None, (heard, self.troubles.of(resource))))
        return None

    def _complete(self, resource: str) -> bool:
        """Whether a resource was listed in every namespace."""
        return all(each.synced for each in self.statistics[resource])

    def _watches(self) -> Iterator[tuple[str, WatchStatistics]]:
        """Resource and statistics of each watch."""
        for resource, found in self.statistics.items():
            for each in found:
                yield resource, each

    def configure(self, configuration: Configuration) -> None:
        """Measure what ends from now on by another configuration: a message to the thread that counts."""
        ledger = self.counting.ledger

        def rules() -> Rules:
            found = make_rules(configuration, ledger)
            self.live.prices = found.prices
            self.live.reload_ok, self.live.reloaded_at = True, time.time()
            return found

        self._changes.put(Change("rules", "measure by", rules=rules))

    # The counting thread

    def _count(self) -> None:
        try:
            while not self._stop.is_set():
                batch = self._batch()
                self._take(batch)
                if all(each.synced for _, each in self._watches()) and not gc.get_freeze_count():
                    # What the first lists left behind stays: the collector need not look at it again.
                    gc.collect()
                    gc.freeze()
            self._take(self._waiting(QUEUE))
        except BaseException as error:
            # Nothing is counted any more: say so, and let the orchestrator start a new one, which loses nothing.
            self.failed = error
            _log.error("counting failed", error=repr(error))
            self._stop.set()
            raise

    def _batch(self) -> list[Change]:
        try:
            batch = [self._changes.get(timeout=1.0)]
        except queue.Empty:
            return []
        self._stop.wait(PAUSE_SECONDS)
        return batch + self._waiting(BATCH - 1)

    def _waiting(self, most: int) -> list[Change]:
        found: list[Change] = []
        while len(found) < most:
            try:
                found.append(self._changes.get_nowait())
            except queue.Empty:
                break
        return found

    def _take(self, batch: Sequence[Change]) -> None:
        counted, requests = self.counting.apply(batch, time.time())
        if not self._stop.is_set():
            for request in requests:
                self._logs.ask(request)
        if counted:
            self._counted()
        self.live.active = self.counting.active()
        self.live.waiting = self.counting.waiting()
        self.live.tracked = self.counting.tracker.counts()


def _thread(name: str, run: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=run, args=arguments, name=name, daemon=True)
    thread.start()
    return thread
