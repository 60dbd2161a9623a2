"""One place through which everything passes, live or replayed: changes in, counted observations out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runs.exporter.ledger import Ledger, Observation
from runs.exporter.measuring import Rules
from runs.objects import Notice, Pod, Workflow, notice_of, pod_of, workflow_of
from runs.step_logs import StepLog, read_step
from runs.tracker import LogRequest, Tracker

__all__ = ["LOGGED_STEPS", "RESOURCES", "Change", "Counting", "parse_log", "records"]

Record = Workflow | Pod | Notice
RESOURCES = ("workflows", "pods", "events")
LOGGED_STEPS = ("git-checkout-pr", "run-test", "build-push-image")
"""Steps whose log says something of a cache."""
CACHE_METRICS_OUTPUT = "image-cache-metrics"
MODULES_NEEDED_OUTPUT = "go-modules-needed"
"""Output parameters by which a template reports what the stock ci-go-v1 does not."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was seen."""

    resource: str
    """One of RESOURCES, or logs."""
    action: Literal["changed", "deleted", "vanished", "synced", "read"]
    record: Record | None = None
    uid: str = ""
    """Of what vanished, or of the pod whose log was read."""
    log: StepLog | None = None
    result: str = ""


def records(templates: Iterable[str]) -> Mapping[str, Callable[[Mapping[str, Any]], Record | None]]:
    """Resource → what makes the record of a raw object, None for one that is not measured."""
    measured = frozenset(templates)
    return {"workflows": lambda raw: workflow_of(raw, measured), "pods": pod_of, "events": notice_of}


def parse_log(request: LogRequest, data: bytes, *, cut: bool) -> tuple[StepLog | None, str]:
    """What a log says, and whether it is complete or truncated."""
    outputs = dict(request.outputs)
    needed = outputs.get(MODULES_NEEDED_OUTPUT, "").strip()
    log = read_step(
        request.step,
        data,
        request.exit_code,
        cut=cut,
        cache_metrics=outputs.get(CACHE_METRICS_OUTPUT),
        modules_needed=int(needed) if needed.isascii() and needed.isdigit() and len(needed) < 10 else None,
    )
    return log, "complete" if log is None else log.completeness


class Counting:
    """The tracker with its ledger. One thread calls it."""

    def __init__(self, ledger: Ledger, rules: Rules) -> None:
        self.ledger = ledger
        self.tracker = Tracker(
            ledger, rules, logged_steps=LOGGED_STEPS, resources=RESOURCES, missed=ledger.open_runs()
        )

    def apply(
        self, changes: Iterable[Change], now: float
    ) -> tuple[Sequence[Observation], Sequence[LogRequest]]:
        """Take changes in, and count what has ended.

        Returns:
            What was counted now, and the logs to read.
        """
        for change in changes:
            self._apply(change, now)
        progress = self.tracker.progress(now)
        if not progress.observations and not progress.opened:
            return (), progress.logs
        return self.ledger.commit(progress.observations, progress.opened), progress.logs

    def _apply(self, change: Change, now: float) -> None:
        tracker = self.tracker
        if change.action == "synced":
            tracker.synced(change.resource, now)
            return
        if change.action == "read":
            tracker.log(change.uid, change.log, change.result)
            return
        uid = change.uid
        match change.record:
            case Workflow() as workflow:
                tracker.workflow(workflow, now)
                uid = workflow.uid
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
            elif change.resource == "pods":
                tracker.pod_gone(uid, now)
