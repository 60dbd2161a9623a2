"""Facts made from the objects of the API: a run that begins, a pod that begins or ends, a run that ends, or something that was lost."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from runs.facts import Attempt, Began, Ended
from runs.objects import Node, Pod, Workflow
from runs.outcomes import attempt_outcome, reclaimed, run_outcome
from runs.step_logs import StepLog

__all__ = ["AttemptBegan", "AttemptEnded", "EndedPod", "Lost", "attempt_of", "began_of", "ended_of"]


@dataclass(frozen=True, slots=True)
class EndedPod:
    """Everything that is known of an ended pod."""

    pod: Pod
    step: str
    node: Node | None
    notices: frozenset[str]
    log: StepLog | None
    log_result: str
    """Result of reading the log: complete, truncated, gone or error; empty if the step's log holds nothing about caches."""
    gone_at: float | None
    """Time at which its deletion was seen before it ended."""

    @property
    def until(self) -> float | None:
        """Time of its end: by its containers, by its node, or, if neither tells, when it was missed."""
        by_node = None if self.node is None else self.node.finished
        return next((time for time in (self.pod.ended, by_node, self.gone_at) if time is not None), None)

    @property
    def taken(self) -> str:
        """Reason of its reclaim (BidFailed, evicted); empty if it was not reclaimed."""
        return reclaimed(self.pod, self.notices)


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """A pod of a run that was seen before its end."""

    run: Began
    step: str
    """Empty where the pod does not say it."""
    pod: Pod


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """A pod of a run that has ended."""

    run: Began
    attempt: Attempt
    seen: EndedPod
    """Everything that it rests on."""

    @property
    def at(self) -> float:
        """Time of its end, Unix seconds; the time of its creation if the end is not known."""
        return self.seen.pod.created if self.seen.until is None else self.seen.until


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that ended unseen, whose end the API did not tell, or of which hookline could make nothing."""

    what: Literal["run", "pod", "node_status", "fan_out"]
    uid: str
    at: float
    """Time at which that was noticed, Unix seconds."""
    error: Exception | None = None
    """The error of hookline that it met; None where the API told nothing."""

    @property
    def key(self) -> str:
        """The same however often it is noticed."""
        return f"lost-{self.what}/{self.uid}"


def attempt_of(workflow: Workflow, ended: EndedPod) -> Attempt:
    """The attempt that a pod was."""
    pod = ended.pod
    degraded = pod.spot and (pod.degraded or "SpotDegraded" in ended.notices)
    outcome = attempt_outcome(
        ended.step, pod, ended.node, ended.log, ended.taken, stopped=bool(workflow.shutdown)
    )
    return Attempt(
        step=ended.step,
        pod=pod.name,
        outcome=outcome,
        capacity="spot" if pod.spot and not degraded else "on_demand",
        platform=pod.platform,
        created=pod.created,
        started=pod.main_started,
        finished=pod.main_finished if pod.main_finished is not None else ended.until,
        message=_why(ended, outcome),
        reclaimed=bool(ended.taken),
        degraded=degraded,
        scheduled=pod.scheduled,
        node=pod.node,
        task=pod.task,
        uid=pod.uid,
    )


def _why(ended: EndedPod, outcome: str) -> str:
    if outcome == "success":
        return ""
    pod = ended.pod
    if pod.message or pod.reason:
        return f"{pod.reason}: {pod.message}" if pod.reason and pod.message else pod.reason or pod.message
    if ended.node is not None and ended.node.message:
        return ended.node.message
    if pod.exit_code:
        return f"main: {pod.main_reason or 'Error'} (exit code {pod.exit_code})"
    return (
        pod.executor_failure
        or pod.sidecar_failure
        or pod.main_reason
        or ("pod deleted" if ended.gone_at is not None else "")
    )


def began_of(workflow: Workflow) -> Began:
    """The run that a Workflow is, by its newest state."""
    return Began(
        uid=workflow.uid,
        namespace=workflow.namespace,
        name=workflow.name,
        template=workflow.template,
        pipeline=workflow.pipeline,
        owner=workflow.owner,
        source=workflow.source,
        repository=workflow.repository,
        repo_name=workflow.repo_name,
        ref=workflow.ref,
        sha=workflow.sha,
        event=workflow.event,
        event_id=workflow.event_id,
        event_hash=workflow.event_hash,
        event_time=workflow.event_time,
        acted=workflow.acted,
        fire_time=workflow.fire_time,
        actor=workflow.actor,
        reason=workflow.reason,
        delivery=workflow.delivery,
        fan_out=workflow.fan_out,
        created=workflow.created,
    )


def ended_of(workflow: Workflow, finished: float, attempts: Iterable[Attempt]) -> Ended:
    """The end of a run, with its attempts in any order."""
    in_order = sorted(attempts, key=lambda each: (each.created, each.uid))
    return Ended(
        run=began_of(workflow),
        outcome=run_outcome(workflow, in_order),
        phase=workflow.phase,
        message=workflow.message,
        started=workflow.started,
        finished=finished,
        attempts=tuple(in_order),
        memoized=workflow.memoization,
    )
