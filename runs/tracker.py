"""Puts Workflows, their pods, notices and logs together, and says when a run or an attempt can be counted.

The order in which things arrive does not matter: an attempt is counted once its pod and its node have ended, its run is known
and its log was read (or is gone); a run once it has ended and all its attempts are. What was counted leaves the memory.

What ended unseen is lost, not guessed: a run that vanished before its end, a pod that the status names and nobody saw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from runs.exporter.ledger import Observation
from runs.exporter.measuring import (
    EndedPod,
    Rules,
    measure_attempt,
    measure_latency,
    measure_run,
    overflows,
)
from runs.exporter.series import Sample
from runs.history import Attempt
from runs.objects import Node, Notice, Pod, Workflow
from runs.step_logs import StepLog

__all__ = ["Counted", "LogRequest", "Progress", "Tracker"]

GRACE_SECONDS = 15.0
"""How long an ended run waits for the pods that its status names, and a pod for its Workflow."""


class Counted(Protocol):
    """What the tracker asks the ledger."""

    def counted(self, key: str, ended: float) -> bool:
        """Whether this was counted already."""

    def attempts(self, run_uid: str) -> list[Attempt]:
        """The attempts of a run that were counted."""


@dataclass(frozen=True, slots=True)
class LogRequest:
    """A log to read: once, when the main container has ended."""

    namespace: str
    pod: str
    uid: str
    step: str
    exit_code: int | None
    outputs: tuple[tuple[str, str], ...]
    """Output parameters of the step's node."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a round of changes came to."""

    observations: Sequence[Observation]
    logs: Sequence[LogRequest]
    opened: Sequence[str]
    """Uids of runs that began."""


@dataclass(slots=True)
class _TrackedPod:
    pod: Pod
    gone_at: float | None = None
    log: StepLog | None = None
    log_result: str = ""
    log_asked: bool = False
    counted: bool = False
    attempt: Attempt | None = None
    """What was measured, for its run."""


@dataclass(slots=True)
class _TrackedRun:
    workflow: Workflow | None = None
    pods: dict[str, _TrackedPod] = field(default_factory=dict)
    gone: bool = False
    ended_seen: float | None = None
    """When its end was seen, by our clock."""
    since: float = 0.0
    """When the first of it was seen."""


class Tracker:
    """Everything that is not counted yet. Not safe for threads; times are Unix seconds of our clock."""

    def __init__(
        self,
        ledger: Counted,
        rules: Rules,
        *,
        logged_steps: Iterable[str],
        resources: Iterable[str],
        missed: Iterable[str] = (),
    ) -> None:
        """Begin with nothing.

        Args:
            ledger: What was counted.
            rules: How to measure.
            logged_steps: Steps whose log is read.
            resources: What must be listed completely before anything counts as missing.
            missed: Uids of runs that had begun when the ledger was last written.
        """
        self._ledger, self.rules = ledger, rules
        self._logged = frozenset(logged_steps)
        self._unsynced = set(resources)
        self._missed = set(missed)
        self._runs: dict[str, _TrackedRun] = {}
        self._run_of: dict[str, str] = {}
        self._notices: dict[str, frozenset[str]] = {}
        self._done: dict[str, float | None] = {}
        self._touched: set[str] = set()
        self._waiting: set[str] = set()
        self._opened: list[str] = []
        self._lost: list[Observation] = []

    # What arrives

    def workflow(self, workflow: Workflow, now: float) -> None:
        """A Workflow as it is now."""
        self._missed.discard(workflow.uid)
        if workflow.ended and self._done.get(workflow.uid) == workflow.finished:
            return
        run = self._of(workflow.uid, now)
        if run.workflow is None and not workflow.ended:
            self._opened.append(workflow.uid)
        run.workflow = workflow
        if not workflow.ended:
            run.ended_seen = None
        elif run.ended_seen is None:
            run.ended_seen = now

    def workflow_gone(self, uid: str) -> None:
        """A Workflow is no longer there; its last state was given before, if it was seen."""
        self._done.pop(uid, None)
        if (run := self._runs.get(uid)) is not None:
            run.gone = True
            self._touched.add(uid)

    def pod(self, pod: Pod, now: float) -> None:
        """A pod as it is now."""
        run = self._of(pod.workflow, now)
        tracked = run.pods.get(pod.uid)
        if tracked is None:
            run.pods[pod.uid] = _TrackedPod(pod)
            self._run_of[pod.uid] = pod.workflow
        elif not tracked.counted:
            tracked.pod = pod

    def pod_gone(self, uid: str, now: float) -> None:
        """A pod is no longer there; its last state was given before, if it was seen."""
        tracked = self._pod(uid)
        if tracked is None:
            self._notices.pop(uid, None)
        elif tracked.gone_at is None:
            tracked.gone_at = now

    def notice(self, notice: Notice) -> None:
        """An Event about a pod's spot capacity."""
        self._notices[notice.pod] = self._notices.get(notice.pod, frozenset()) | {notice.reason}
        self._pod(notice.pod)

    def notice_gone(self, pod: str) -> None:
        """An Event is no longer there; Kubernetes keeps them for an hour."""
        if pod not in self._run_of:
            self._notices.pop(pod, None)

    def log(self, uid: str, log: StepLog | None, result: str) -> None:
        """What came of reading a log: complete, truncated, gone or error."""
        tracked = self._pod(uid)
        if tracked is not None:
            tracked.log, tracked.log_result = log, result

    def synced(self, resource: str, now: float) -> None:
        """All objects of a resource were given; the first time, what was missed meanwhile is lost."""
        if resource not in self._unsynced:
            return
        self._unsynced.discard(resource)
        if resource == "workflows":
            self._lost += [_lost("run", uid, now) for uid in sorted(self._missed)]
            self._missed.clear()
        if not self._unsynced:
            self._touched |= self._runs.keys()

    def _of(self, uid: str, now: float) -> _TrackedRun:
        self._touched.add(uid)
        run = self._runs.get(uid)
        if run is None:
            run = self._runs[uid] = _TrackedRun(since=now)
        return run

    def _pod(self, uid: str) -> _TrackedPod | None:
        run_uid = self._run_of.get(uid)
        if run_uid is None:
            return None
        self._touched.add(run_uid)
        return self._runs[run_uid].pods[uid]

    # What comes of it

    def progress(self, now: float) -> Progress:
        """What can be counted now, and which logs are wanted."""
        observations, logs = self._lost, list[LogRequest]()
        self._lost = []
        touched, self._touched, self._waiting = self._touched | self._waiting, set(), set()
        for uid in sorted(touched):
            if (run := self._runs.get(uid)) is not None:
                observations += self._settle(uid, run, now, logs)
        opened, self._opened = self._opened, []
        return Progress(observations=observations, logs=logs, opened=opened)

    def counts(self) -> tuple[int, int, int]:
        """Runs and pods in memory, and logs that are being read."""
        pods = [pod for run in self._runs.values() for pod in run.pods.values()]
        return len(self._runs), len(pods), sum(pod.log_asked and not pod.log_result for pod in pods)

    def active(self) -> dict[tuple[str, ...], float]:
        """How many runs are not counted yet, by pipeline and state."""
        found: dict[tuple[str, ...], float] = {}
        for run in self._runs.values():
            if run.workflow is None or run.gone:
                continue
            state = "finalizing"
            if not run.workflow.ended:
                began = any(each.pod.main_started is not None for each in run.pods.values())
                state = "executing" if began else "pending"
            key = (self.rules.labels.pipeline(run.workflow)[0], state)
            found[key] = found.get(key, 0.0) + 1
        return found

    # Settling

    def _settle(self, uid: str, run: _TrackedRun, now: float, logs: list[LogRequest]) -> list[Observation]:
        workflow = run.workflow
        if workflow is None:
            self._settle_orphans(uid, run, now)
            return []
        nodes = {node.id: node for node in workflow.nodes or ()}
        found: list[Observation] = []
        for tracked in run.pods.values():
            if not tracked.counted:
                found += self._attempt(run, workflow, tracked, nodes.get(tracked.pod.node), logs)
        if workflow.ended and (finished := workflow.finished) is not None:
            found += self._run(run, workflow, finished, nodes, now)
        elif run.gone:
            # It never ended, so nobody knows how it would have.
            found += [_lost("pod", each.pod.uid, now) for each in run.pods.values() if not each.counted]
            found.append(_lost("run", uid, now))
            self._drop(uid)
        return found

    def _settle_orphans(self, uid: str, run: _TrackedRun, now: float) -> None:
        """Pods without a known Workflow: it is still to come, was counted, or is of a template that is not measured."""
        if self._unsynced:
            return
        open_pods = [
            each
            for each in run.pods.values()
            if not self._ledger.counted(_attempt_key(each.pod), each.pod.ended or now)
        ]
        if open_pods and not run.gone and now - run.since < GRACE_SECONDS:
            self._waiting.add(uid)
        else:
            self._drop(uid)

    def _attempt(
        self,
        run: _TrackedRun,
        workflow: Workflow,
        tracked: _TrackedPod,
        node: Node | None,
        logs: list[LogRequest],
    ) -> list[Observation]:
        pod = tracked.pod
        step = pod.step or (node.step if node is not None else "")
        over = pod.final or tracked.gone_at is not None
        node_over = workflow.ended or run.gone or (node is not None and node.ended)
        early = workflow.pods_go_early and pod.main_ended
        if not early and not (over and node_over):
            return []
        ended = EndedPod(
            pod=pod,
            step=step,
            node=node,
            notices=self._notices.get(pod.uid, frozenset()),
            log=tracked.log,
            log_result=tracked.log_result,
            gone_at=tracked.gone_at,
        )
        end = pod.created if ended.until is None else ended.until
        if not tracked.log_asked and self._ledger.counted(_attempt_key(pod), end):
            tracked.counted = True
            return []
        if step in self._logged and not tracked.log_result:
            if pod.main_ended and tracked.gone_at is None and not tracked.log_asked:
                tracked.log_asked = True
                outputs = tuple(node.outputs.items()) if node is not None else ()
                logs.append(LogRequest(pod.namespace, pod.name, pod.uid, step, pod.exit_code, outputs))
            if tracked.log_asked:
                return []
            tracked.log_result = "gone"
            ended = replace(ended, log_result="gone")
        if not (over and node_over) or (not pod.final and run.gone and not workflow.ended):
            return []
        tracked.counted = True
        tracked.attempt, samples = measure_attempt(workflow, ended, self.rules)
        found = (workflow.uid, tracked.attempt)
        return [Observation(key=_attempt_key(pod), ended=end, samples=samples, attempt=found)]

    def _run(
        self, run: _TrackedRun, workflow: Workflow, finished: float, nodes: dict[str, Node], now: float
    ) -> list[Observation]:
        uid = workflow.uid
        key = f"run/{uid}/{finished:.0f}"
        if self._ledger.counted(key, finished):
            self._finish(uid, run, finished)
            return [Observation(key=key, ended=finished, samples=(), closes=uid)]
        if not all(each.counted for each in run.pods.values()):
            return []
        attempts = {each.uid: each for each in self._ledger.attempts(uid)}
        attempts |= {each.pod.uid: each.attempt for each in run.pods.values() if each.attempt is not None}
        known = {each.node for each in attempts.values()} | {each.pod.node for each in run.pods.values()}
        missing = [node for node in nodes.values() if node.had_pod and node.id not in known]
        if missing and not run.gone and self._may_come(run, now):
            self._waiting.add(uid)
            return []
        in_order = sorted(attempts.values(), key=lambda each: (each.created, each.uid))
        measured, samples = measure_run(workflow, in_order, self.rules)
        samples += overflows(workflow, [each.step for each in in_order], self.rules.labels)
        found = [_lost("pod", f"{uid}/{node.id}", finished) for node in missing]
        if workflow.nodes is None:
            found.append(_lost("node_status", uid, finished))
        found.append(Observation(key=key, ended=finished, samples=samples, run=measured, closes=uid))
        latency = measure_latency(workflow, in_order)
        if latency:
            # Of its own, since a run that is retried began only once.
            found.append(Observation(key=f"latency/{uid}", ended=finished, samples=latency))
        self._finish(uid, run, finished)
        return found

    def _may_come(self, run: _TrackedRun, now: float) -> bool:
        """Whether a pod that nobody has seen may just be late."""
        if self._unsynced:
            return True
        return run.ended_seen is not None and now - run.ended_seen < GRACE_SECONDS

    def _finish(self, uid: str, run: _TrackedRun, finished: float) -> None:
        if not run.gone:
            self._done[uid] = finished
        self._drop(uid)

    def _drop(self, uid: str) -> None:
        for pod_uid in self._runs.pop(uid).pods:
            self._run_of.pop(pod_uid, None)
            self._notices.pop(pod_uid, None)


def _attempt_key(pod: Pod) -> str:
    return f"attempt/{pod.uid}"


def _lost(kind: str, uid: str, ended: float) -> Observation:
    sample = Sample("hookline_observations_lost_total", (kind,), 1)
    return Observation(
        key=f"lost-{kind}/{uid}", ended=ended, samples=[sample], closes=uid if kind == "run" else ""
    )
