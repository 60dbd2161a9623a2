"""One place through which everything passes, live or replayed: changes in, counted observations out."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import structlog

from runs.endings import AttemptBegan, AttemptEnded, Lost
from runs.exporter.fan_out_tracker import FanOutProgress, FanOutTracker, key_of
from runs.exporter.ledger import Ledger, Observation, open_key
from runs.exporter.measuring import (
    Rules,
    beginnings,
    fan_out_beginnings,
    measure_attempt,
    measure_fan_out,
    measure_latency,
    measure_run,
)
from runs.exporter.run_metrics import LOST
from runs.exporter.series import Key
from runs.facts import Began, Ended, Listener
from runs.fan_outs import FanOut, fan_out_of
from runs.history import Attempt
from runs.objects import Notice, Pod, Workflow, notice_of, pod_of, workflow_of
from runs.step_logs import StepLog, read_step
from runs.tracker import ALL_NAMESPACES, LogRequest, Progress, Tracker, UnfinishedRun

__all__ = ["LOGGED_STEPS", "RESOURCES", "Change", "Counting", "parse_log", "records"]

Record = Workflow | FanOut | Pod | Notice
RESOURCES = ("workflows", "pods", "events")
LOGGED_STEPS = ("git-checkout-pr", "run-test", "build-push-image")
"""Steps whose log says something of a cache."""
CACHE_METRICS_OUTPUT = "image-cache-metrics"
MODULES_NEEDED_OUTPUT = "go-modules-needed"
"""Output parameters by which a template reports what the stock ci-go-v1 does not."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was seen."""

    resource: str
    """One of RESOURCES, or logs, or rules."""
    action: Literal["changed", "deleted", "vanished", "synced", "read", "measure by"]
    record: Record | None = None
    uid: str = ""
    """Of what vanished, or of the pod whose log was read."""
    namespace: str = ""
    """Of what is synced; empty for all namespaces."""
    log: StepLog | None = None
    result: str = ""
    rules: Callable[[], Rules] | None = None
    """Set how to measure what ends from now on. The counting thread calls it, because it reads what that thread changes."""


def records(templates: Iterable[str]) -> Mapping[str, Callable[[Mapping[str, Any]], Record | None]]:
    """Resource → what makes the record of a raw object, None for one that is not measured."""
    measured = frozenset(templates)
    return {
        "workflows": lambda raw: fan_out_of(raw) or workflow_of(raw, measured),
        "pods": pod_of,
        "events": notice_of,
    }


def parse_log(
    request: LogRequest,
    data: bytes,
    *,
    cut: bool,
    lines: int = 0,
    read: Callable[..., StepLog | None] = read_step,
) -> tuple[StepLog | None, str]:
    """Findings of a log, and whether it is complete or truncated.

    Args:
        request: Whose log it is.
        data: The log.
        cut: Whether the reader stopped before its end.
        lines: How many of the last lines of a red step's log are kept for people.
        read: `read_step`, or what does the same elsewhere.
    """
    outputs = dict(request.outputs)
    needed = outputs.get(MODULES_NEEDED_OUTPUT, "").strip()
    log = read(
        request.step,
        data,
        request.exit_code,
        cut=cut,
        lines=lines,
        cache_metrics=outputs.get(CACHE_METRICS_OUTPUT),
        modules_needed=int(needed) if needed.isascii() and needed.isdigit() and len(needed) < 10 else None,
    )
    return log, "complete" if log is None else log.completeness


def _unmeasured(fact: AttemptEnded | Ended) -> Observation:
    """The observation of a fact without its samples."""
    if isinstance(fact, AttemptEnded):
        return Observation(fact.attempt.key, fact.at, (), fact=fact)
    return Observation(fact.key, fact.finished, (), closes=fact.run.uid, fact=fact)


class Counting:
    """The tracker, measuring, the ledger, and the listeners. One thread calls it, but for `unfinished`."""

    def __init__(
        self,
        ledger: Ledger,
        rules: Rules,
        listeners: Sequence[Listener] = (),
        *,
        namespaces: Sequence[str] = ALL_NAMESPACES,
        red_logs: bool = False,
    ) -> None:
        """Go on where the ledger ended.

        Args:
            ledger: Counts, and knows what was counted.
            rules: How to measure.
            listeners: Are told what is counted, in the same transaction.
            namespaces: Those that are watched.
            red_logs: Whether the log of every step that failed is read, for people.
        """
        self._lock = threading.Lock()
        self.ledger, self.rules = ledger, rules
        self._listeners = tuple(listeners)
        self.untold = [0 for _ in self._listeners]
        """Facts that each listener could not be told, since the start."""
        self._logged: set[tuple[str, type[Exception]]] = set()
        self.tracker = Tracker(
            ledger,
            logged_steps=LOGGED_STEPS,
            red_logs=red_logs,
            resources=RESOURCES,
            namespaces=namespaces,
            missed=ledger.open_runs(),
        )
        self.fan_outs = FanOutTracker(ledger, namespaces)

    def apply(
        self, changes: Iterable[Change], now: float
    ) -> tuple[Sequence[Observation], Sequence[LogRequest]]:
        """Take changes in, and count what has ended.

        Returns:
            What was counted now, and the logs to read.
        """
        # A run is either unfinished or in the ledger, whenever somebody asks.
        with self._lock:
            return self._apply_all(changes, now)

    def unfinished(self) -> Sequence[UnfinishedRun]:
        """Runs that are not counted yet, as they are now. Safe from any thread."""
        with self._lock:
            return list(self.tracker.unfinished())

    def unfinished_fan_outs(self) -> Sequence[FanOut]:
        """Fan-outs that are not counted yet, as they are now. Safe from any thread."""
        with self._lock:
            return list(self.fan_outs.unfinished())

    def _apply_all(
        self, changes: Iterable[Change], now: float
    ) -> tuple[Sequence[Observation], Sequence[LogRequest]]:
        for change in changes:
            self._apply(change, now)
        progress, fan_outs = self.tracker.progress(now), self.fan_outs.progress()
        began = {each.uid: each for each in progress.began if isinstance(each, Began)}
        zeros = [
            key
            for each in progress.began
            for key in self._beginnings(each)
            if self.ledger.series.get(*key) is None
        ]
        zeros += [
            key
            for each in fan_outs.began
            for key in self._fan_out_beginnings(each)
            if self.ledger.series.get(*key) is None
        ]
        opened = [*began, *(open_key(each.uid) for each in fan_outs.began)]
        closed = [*progress.closed, *map(open_key, fan_outs.closed)]
        if not (opened or zeros or progress.ended or fan_outs.ended or fan_outs.lost or closed):
            return (), progress.logs
        counted = self.ledger.commit(
            [*self._observations(progress), *self._of_fan_outs(fan_outs)],
            opened,
            closed=closed,
            zeros=zeros,
            # Listeners are told of runs, and a fan-out is none.
            tell=lambda counted, opened: self._tell([began[uid] for uid in opened if uid in began], counted),
            instead=self._instead,
        )
        return counted, progress.logs

    def active(self) -> Mapping[tuple[str, ...], float]:
        """Number of runs that are not counted yet, by namespace, owner, pipeline and state."""
        found: dict[tuple[str, ...], float] = {}
        for run, state in self.tracker.active():
            key = (*self.rules.labels.pipeline(run)[0], state)
            found[key] = found.get(key, 0.0) + 1
        return found

    def waiting(self) -> Mapping[tuple[str, ...], float]:
        """Number of runs that fan-outs have still to start, by namespace and source."""
        found: dict[tuple[str, ...], float] = {}
        for each in self.fan_outs.unfinished():
            key = self.rules.labels.fan_out(each.namespace, each.source)[0]
            found[key] = found.get(key, 0.0) + each.waiting
        return found

    def _of_fan_outs(self, progress: FanOutProgress) -> Iterator[Observation]:
        for lost in progress.lost:
            yield Observation(lost.key, lost.at, LOST.samples(lost.what), closes=open_key(lost.uid))
        for ended in progress.ended:
            at = ended.created if ended.finished is None else ended.finished
            bare = Observation(key_of(ended), at, (), fan_out=ended, closes=open_key(ended.uid))
            try:
                yield replace(bare, samples=measure_fan_out(ended, self.rules))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is about this fan-out alone
                yield self._instead(bare, error)

    def _beginnings(self, began: Began | AttemptBegan) -> Sequence[Key]:
        try:
            return list(beginnings(began, self.rules, LOGGED_STEPS))
        except Exception as error:  # noqa: BLE001 - its series then begin with their first sample
            self._dropped("beginning", began.uid if isinstance(began, Began) else began.pod.uid, error)
            return ()

    def _fan_out_beginnings(self, began: FanOut) -> Sequence[Key]:
        try:
            return list(fan_out_beginnings(began, self.rules))
        except Exception as error:  # noqa: BLE001 - its series then begin with their first sample
            self._dropped("beginning", began.uid, error)
            return ()

    def _observations(self, progress: Progress) -> Iterator[Observation]:
        measured: dict[str, Attempt] = {}
        for fact in progress.ended:
            if isinstance(fact, Lost):
                if fact.error is not None:
                    self._dropped(fact.what, fact.uid, fact.error)
                closes = fact.uid if fact.what == "run" else ""
                yield Observation(fact.key, fact.at, LOST.samples(fact.what), closes=closes)
                continue
            bare = _unmeasured(fact)
            try:
                found = self._measured(fact, bare, measured)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is about this fact alone
                found = [self._instead(bare, error)]
            yield from found

    def _measured(
        self, fact: AttemptEnded | Ended, bare: Observation, measured: dict[str, Attempt]
    ) -> list[Observation]:
        if isinstance(fact, AttemptEnded):
            attempt, samples = measure_attempt(fact, self.rules)
            measured[attempt.uid] = attempt
            return [replace(bare, samples=samples, attempt=(fact.run.uid, attempt))]
        uid = fact.run.uid
        known = {each.uid: each for each in self.ledger.attempts(uid)} | measured
        # An attempt that could not be measured is not known.
        attempts = [known[each.uid] for each in fact.attempts if each.uid in known]
        run, samples = measure_run(fact, attempts, self.rules)
        return [replace(bare, samples=samples, run=run), *self._latency(fact)]

    def _latency(self, ended: Ended) -> Iterator[Observation]:
        """Counted apart from the run, since a run that is retried began only once."""
        key = f"latency/{ended.run.uid}"
        try:
            if latency := measure_latency(ended, self.rules):
                yield Observation(key, ended.finished, latency)
        except Exception as error:  # noqa: BLE001 - its run is counted without
            self._dropped("latency", key, error)

    def _instead(self, each: Observation, error: Exception) -> Observation:
        """Count, in place of an observation that raised an error, that something was lost."""
        what = "fan_out" if each.fan_out else {AttemptEnded: "pod", Ended: "run"}.get(type(each.fact), "")
        self._dropped(what or "latency", each.key, error)
        return replace(each, samples=LOST.samples(what) if what else (), run=None, attempt=None, fan_out=None)

    def _dropped(self, what: str, key: str, error: Exception) -> None:
        """Log the first error of a kind: the same object may come again with every list."""
        if (what, type(error)) not in self._logged:
            self._logged.add((what, type(error)))
            _log.error(
                "dropped what raised an error in hookline; more of the same is only counted, in hookline_observations_lost_total",
                what=what,
                key=key,
                exc_info=error,
            )

    def _tell(self, began: Iterable[Began], counted: Iterable[Observation]) -> None:
        for number, listener in enumerate(self._listeners):
            for run in began:
                self._told(number, run.uid, partial(listener.began, run))
            for each in counted:
                match each.fact:
                    case AttemptEnded(run, attempt):
                        self._told(number, each.key, partial(listener.attempt_ended, run, attempt))
                    case Ended() as ended:
                        self._told(number, each.key, partial(listener.ended, ended))

    def _told(self, number: int, key: str, tell: Callable[[], None]) -> None:
        try:
            tell()
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - a message that cannot be made keeps nothing from being counted
            self.untold[number] += 1
            self._dropped("message", key, error)

    def _apply(self, change: Change, now: float) -> None:
        tracker = self.tracker
        if change.rules is not None:
            self.rules = change.rules()
            return
        if change.action == "synced":
            tracker.synced(change.resource, now, change.namespace)
            if change.resource == "workflows":
                self.fan_outs.listed(change.namespace, now)
            return
        if change.action == "read":
            tracker.log(change.uid, change.log, change.result)
            return
        uid = change.uid
        match change.record:
            case Workflow() as workflow:
                tracker.workflow(workflow, now)
                uid = workflow.uid
            case FanOut() as fan_out:
                self.fan_outs.changed(fan_out)
                uid = fan_out.uid
            case Pod() as pod:
                tracker.pod(pod, now)
                uid = pod.uid
            case Notice() as notice if change.action == "changed":
                tracker.notice(notice)
            case Notice() as notice:
                tracker.notice_gone(notice.pod)
        if change.action in {"deleted", "vanished"}:
            if change.resource == "workflows":
                tracker.workflow_gone(uid)
                self.fan_outs.gone(uid, now)
            elif change.resource == "pods":
                tracker.pod_gone(uid, now)
