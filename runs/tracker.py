"""Puts Workflows, their pods, notices and logs together, and says when a run or an attempt can be counted.

The order in which things arrive does not matter: an attempt is counted once its pod and its node have ended, its run is known
and its log was read (or is gone); a run once it has ended and all its attempts are. What was counted leaves the memory.

What ended unseen is lost, not guessed: a run that vanished before its end, a pod that the status names and nobody saw.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

from runs.endings import AttemptBegan, AttemptEnded, EndedPod, Lost, attempt_of, began_of, ended_of
from runs.facts import Attempt, Began, Ended
from runs.objects import Node, Notice, Pod, Workflow
from runs.step_logs import StepLog

__all__ = ["ALL_NAMESPACES", "Known", "LogRequest", "Progress", "State", "Tracker", "UnfinishedRun"]

ALL_NAMESPACES = ("",)
"""The namespaces of one watch of the whole cluster."""
State = Literal["pending", "executing", "finalizing"]
GRACE_SECONDS = 15.0
"""Seconds that an ended run waits for the pods that its status names, and a pod for its Workflow."""


class Known(Protocol):
    """Facts that were reported before, also before the process started."""

    def counted(self, key: str, ended: float) -> bool:
        """Whether this fact was reported already, or is too old to be reported."""

    def attempts(self, run_uid: str) -> Sequence[Attempt]:
        """The attempts of a run that were reported."""


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
    container: str = "main"


@dataclass(frozen=True, slots=True)
class Progress:
    """Results of one round of changes."""

    began: Sequence[Began | AttemptBegan]
    ended: Sequence[AttemptEnded | Ended | Lost]
    """Facts in order: the attempts of a run before the run."""
    closed: Sequence[str]
    """Uids of runs whose end was reported earlier, so that nothing waits for it any more."""
    logs: Sequence[LogRequest]


class UnfinishedRun(NamedTuple):
    """A run whose end is not reported yet."""

    workflow: Workflow
    began: Began
    state: State
    pods: tuple[Pod, ...]
    """Those whose end is not reported yet."""


@dataclass(slots=True)
class _TrackedPod:
    pod: Pod
    gone_at: float | None = None
    log: StepLog | None = None
    log_result: str = ""
    log_asked: bool = False
    counted: bool = False
    begun: bool = False
    """Whether its begin was reported."""
    attempt: Attempt | None = None
    """Result of the pod, for its run."""


@dataclass(slots=True)
class _TrackedRun:
    workflow: Workflow | None = None
    began: Began | None = None
    """Facts to report about it, by its newest state."""
    pods: dict[str, _TrackedPod] = field(default_factory=dict)
    gone: bool = False
    ended_seen: float | None = None
    """Time at which its end was seen, by our clock."""
    since: float = 0.0
    """Time at which it was first seen."""


class Tracker:
    """Everything that is not counted yet. Not safe for threads; times are Unix seconds of our clock."""

    def __init__(
        self,
        known: Known,
        *,
        logged_steps: Iterable[str],
        red_logs: bool = False,
        resources: Iterable[str],
        namespaces: Sequence[str] = ALL_NAMESPACES,
        missed: Iterable[str] = (),
    ) -> None:
        """Begin with nothing.

        Args:
            known: What was told.
            logged_steps: Steps whose log is read.
            red_logs: Whether the log of every other step is read too, once it has failed.
            resources: What must be listed completely in a namespace before anything of it counts as missing.
            namespaces: Those that are listed, each by itself.
            missed: Uids of runs that had begun when the ledger was last written.
        """
        self._known = known
        self._logged, self._red_logs = frozenset(logged_steps), red_logs
        self._namespaces = frozenset(namespaces)
        self._unsynced = {(resource, namespace) for resource in resources for namespace in namespaces}
        self._missed = set(missed)
        self._runs: dict[str, _TrackedRun] = {}
        self._run_of: dict[str, str] = {}
        self._notices: dict[str, frozenset[str]] = {}
        self._steps: dict[str, tuple[str, ...]] = {}
        """uid of a pod that has several steps → the uids by which these are tracked."""
        self._done: dict[str, float | None] = {}
        self._spoiled: set[str] = set()
        """Uids of runs that raised an error: whatever else comes of them is not looked at."""
        self._touched: set[str] = set()
        self._waiting: set[str] = set()
        self._began: list[Began | AttemptBegan] = []
        self._closed: list[str] = []
        self._lost: list[Lost] = []

    # What arrives

    def workflow(self, workflow: Workflow, now: float) -> None:
        """A Workflow as it is now."""
        self._missed.discard(workflow.uid)
        if workflow.uid in self._spoiled:
            return
        if workflow.ended and self._done.get(workflow.uid) == workflow.finished:
            return
        run = self._of(workflow.uid, now)
        fresh = run.workflow is None
        run.workflow, run.began = workflow, began_of(workflow)
        if fresh and not workflow.ended:
            self._began.append(run.began)
        if not workflow.ended:
            run.ended_seen = None
        elif run.ended_seen is None:
            run.ended_seen = now

    def workflow_gone(self, uid: str) -> None:
        """A Workflow is no longer there; its last state was given before, if it was seen."""
        self._done.pop(uid, None)
        self._spoiled.discard(uid)
        if (run := self._runs.get(uid)) is not None:
            run.gone = True
            self._touched.add(uid)

    def pod(self, pod: Pod, now: float) -> None:
        """A pod as it is now."""
        if pod.workflow in self._spoiled:
            return
        for step in pod.steps:
            self.pod(step, now)
        if pod.steps:
            self._steps[pod.uid] = tuple(step.uid for step in pod.steps)
            return
        run = self._of(pod.workflow, now)
        tracked = run.pods.get(pod.uid)
        if tracked is None:
            run.pods[pod.uid] = _TrackedPod(pod)
            self._run_of[pod.uid] = pod.workflow
        elif not tracked.counted:
            tracked.pod = pod

    def pod_gone(self, uid: str, now: float) -> None:
        """A pod is no longer there; its last state was given before, if it was seen."""
        for step in self._steps.pop(uid, ()):
            self.pod_gone(step, now)
        tracked = self._pod(uid)
        if tracked is None:
            self._notices.pop(uid, None)
        elif tracked.gone_at is None:
            tracked.gone_at = now

    def notice(self, notice: Notice) -> None:
        """An Event about a pod's spot capacity."""
        self._notices[notice.pod] = self._notices.get(notice.pod, frozenset()) | {notice.reason}
        for uid in self._steps.get(notice.pod, (notice.pod,)):
            self._pod(uid)

    def notice_gone(self, pod: str) -> None:
        """An Event is no longer there; Kubernetes keeps them for an hour."""
        if pod not in self._run_of and pod not in self._steps:
            self._notices.pop(pod, None)

    def log(self, uid: str, log: StepLog | None, result: str) -> None:
        """Result of reading a log: complete, truncated, gone or error."""
        tracked = self._pod(uid)
        if tracked is not None:
            tracked.log, tracked.log_result = log, result

    def synced(self, resource: str, now: float, namespace: str = "") -> None:
        """All objects of a resource in a namespace were given; the first time, what was missed meanwhile is lost.

        A ledger does not say where a run was, so missed runs are lost only when the Workflows of every namespace were given.
        """
        if (resource, namespace) not in self._unsynced:
            return
        self._unsynced.discard((resource, namespace))
        if resource == "workflows" and not any(each == resource for each, _ in self._unsynced):
            self._lost += [Lost("run", uid, now) for uid in sorted(self._missed)]
            self._missed.clear()
        if self._listed(namespace):
            self._touched |= self._runs.keys()

    def _listed(self, namespace: str) -> bool:
        """Whether everything of a namespace was given once."""
        place = namespace if namespace in self._namespaces else ""
        return not any(each == place for _, each in self._unsynced)

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
        """Facts that can be reported now, and logs that are wanted."""
        ended: list[AttemptEnded | Ended | Lost] = list(self._lost)
        logs: list[LogRequest] = []
        self._lost = []
        touched, self._touched, self._waiting = self._touched | self._waiting, set(), set()
        for uid in sorted(touched):
            if (run := self._runs.get(uid)) is not None:
                ended += self._settled(uid, run, now, logs)
        began, self._began = self._began, []
        closed, self._closed = self._closed, []
        return Progress(began=began, ended=ended, closed=closed, logs=logs)

    def counts(self) -> tuple[int, int, int]:
        """Runs and pods in memory, and logs that are being read."""
        pods = [pod for run in self._runs.values() for pod in run.pods.values()]
        return len(self._runs), len(pods), sum(pod.log_asked and not pod.log_result for pod in pods)

    def active(self) -> Iterator[tuple[Began, str]]:
        """Runs whose end is not reported yet, with their state: pending, executing, finalizing."""
        return ((each.began, each.state) for each in self.unfinished())

    def unfinished(self) -> Iterator["UnfinishedRun"]:
        """Runs whose end is not reported yet, as they are now."""
        for run in self._runs.values():
            if run.workflow is None or run.began is None or run.gone:
                continue
            state: State = "finalizing"
            if not run.workflow.ended:
                began = any(each.pod.main_started is not None for each in run.pods.values())
                state = "executing" if began else "pending"
            pods = tuple(each.pod for each in run.pods.values() if not each.counted)
            yield UnfinishedRun(run.workflow, run.began, state, pods)

    # Settling

    def _settled(
        self, uid: str, run: _TrackedRun, now: float, logs: list[LogRequest]
    ) -> list[AttemptEnded | Ended | Lost]:
        """The facts of a run; of one that raises an error, that it is lost: the others go on."""
        found: list[AttemptEnded | Ended | Lost] = []
        try:
            self._settle(uid, run, now, logs, found)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is about this run alone
            found += [Lost("pod", each.pod.uid, now) for each in run.pods.values() if not each.counted]
            found.append(Lost("run", uid, now, error))
            self._drop(uid)
            self._spoiled.add(uid)
        return found

    def _settle(
        self,
        uid: str,
        run: _TrackedRun,
        now: float,
        logs: list[LogRequest],
        found: list[AttemptEnded | Ended | Lost],
    ) -> None:
        workflow, began = run.workflow, run.began
        if workflow is None or began is None:
            self._settle_orphans(uid, run, now)
            return
        nodes = {node.id: node for node in workflow.nodes or ()}
        for tracked in run.pods.values():
            if not tracked.counted:
                node = nodes.get(tracked.pod.node)
                if not tracked.begun and not tracked.pod.final and not workflow.ended:
                    tracked.begun = True
                    self._began.append(AttemptBegan(began, _step(tracked.pod, node), tracked.pod))
                if (ended := self._attempt(run, workflow, tracked, node, logs)) is not None:
                    found.append(AttemptEnded(began, *ended))
        if workflow.ended and (finished := workflow.finished) is not None:
            found += self._run(run, workflow, finished, nodes, now)
        elif run.gone:
            # It never ended, so nobody knows how it would have.
            found += [Lost("pod", each.pod.uid, now) for each in run.pods.values() if not each.counted]
            found.append(Lost("run", uid, now))
            self._drop(uid)

    def _settle_orphans(self, uid: str, run: _TrackedRun, now: float) -> None:
        """Pods without a known Workflow: it is still to come, was counted, or is of a template that is not measured."""
        if not all(self._listed(each.pod.namespace) for each in run.pods.values()):
            return
        open_pods = [
            each
            for each in run.pods.values()
            if not self._known.counted(f"attempt/{each.pod.uid}", each.pod.ended or now)
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
    ) -> tuple[Attempt, EndedPod] | None:
        pod = tracked.pod
        if pod.left_out or (pod.waiting and (tracked.gone_at is not None or workflow.ended)):
            # As a step that Argo skips or does not come to: there is no attempt.
            tracked.counted = True
            return None
        step = _step(pod, node)
        over = pod.final or tracked.gone_at is not None
        replaced = _replaced(run, tracked)
        # The node will tell nothing of a pod that was replaced; another exporter would not find the pod any more.
        node_over = workflow.ended or run.gone or replaced or (node is not None and node.ended)
        early = workflow.pods_go_early and pod.main_ended
        if not early and not (over and node_over):
            return None
        ended = EndedPod(
            pod=pod,
            step=step,
            # A node tells of the end of its last pod alone.
            # That of a pod with several steps tells of all of them together.
            node=None if replaced or pod.of else node,
            notices=self._notices.get(pod.of or pod.uid, frozenset()),
            log=tracked.log,
            # What is read for people alone is no reading that is counted.
            log_result=tracked.log_result if step in self._logged else "",
            gone_at=tracked.gone_at,
        )
        end = pod.created if ended.until is None else ended.until
        if not tracked.log_asked and self._known.counted(f"attempt/{pod.uid}", end):
            tracked.counted = True
            return None
        if self._wants_log(step, pod) and not tracked.log_result:
            if pod.main_ended and tracked.gone_at is None and not tracked.log_asked:
                tracked.log_asked = True
                outputs = tuple(node.outputs.items()) if node is not None else ()
                logs.append(
                    LogRequest(pod.namespace, pod.name, pod.uid, step, pod.exit_code, outputs, pod.container)
                )
            if tracked.log_asked:
                return None
            tracked.log_result = "gone"
            ended = replace(ended, log_result="gone" if step in self._logged else "")
        if not (over and node_over) or (not pod.final and run.gone and not workflow.ended):
            return None
        tracked.attempt = attempt_of(workflow, ended)
        tracked.counted = True
        return tracked.attempt, ended

    def _wants_log(self, step: str, pod: Pod) -> bool:
        return step in self._logged or (self._red_logs and pod.main_ended and bool(pod.exit_code))

    def _run(
        self, run: _TrackedRun, workflow: Workflow, finished: float, nodes: dict[str, Node], now: float
    ) -> list[AttemptEnded | Ended | Lost]:
        uid = workflow.uid
        if self._known.counted(f"run/{uid}/{finished:.0f}", finished):
            self._finish(uid, run, finished)
            self._closed.append(uid)
            return []
        if not all(each.counted for each in run.pods.values()):
            return []
        attempts = {each.uid: each for each in self._known.attempts(uid)}
        attempts |= {each.pod.uid: each.attempt for each in run.pods.values() if each.attempt is not None}
        known = {each.node for each in attempts.values()} | {each.pod.node for each in run.pods.values()}
        missing = [node for node in nodes.values() if node.had_pod and node.id not in known]
        if missing and not run.gone and self._may_come(run, now):
            self._waiting.add(uid)
            return []
        found: list[AttemptEnded | Ended | Lost] = [
            Lost("pod", f"{uid}/{node.id}", finished) for node in missing
        ]
        if workflow.nodes is None:
            found.append(Lost("node_status", uid, finished))
        found.append(ended_of(workflow, finished, attempts.values()))
        self._finish(uid, run, finished)
        return found

    def _may_come(self, run: _TrackedRun, now: float) -> bool:
        """Whether a pod that nobody has seen may just be late."""
        if run.workflow is None or not self._listed(run.workflow.namespace):
            return True
        return run.ended_seen is not None and now - run.ended_seen < GRACE_SECONDS

    def _finish(self, uid: str, run: _TrackedRun, finished: float) -> None:
        if not run.gone:
            self._done[uid] = finished
        self._drop(uid)

    def _drop(self, uid: str) -> None:
        for pod_uid, tracked in self._runs.pop(uid).pods.items():
            self._run_of.pop(pod_uid, None)
            self._steps.pop(tracked.pod.of, None)
            for each in (pod_uid, tracked.pod.of):
                self._notices.pop(each, None)


def _replaced(run: _TrackedRun, gone: _TrackedPod) -> bool:
    """Whether Argo made a pod of the same node again: it does so where the first one went before the controller saw it run."""
    return gone.gone_at is not None and any(
        each.pod.node == gone.pod.node and (each.gone_at is None or each.gone_at > gone.gone_at)
        for each in run.pods.values()
        if each is not gone
    )


def _step(pod: Pod, node: Node | None) -> str:
    return pod.step or (node.step if node is not None else "")
