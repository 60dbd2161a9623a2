"""Outcomes of runs and attempts, in OpenTelemetry's words: `failure` is caused by the code, `error` by the infrastructure.

The rules are tried in order; each has a witness in the tests. What counts as red code is a main container that exited with a
code of its own in a step that runs the repository's code. A checkout runs none of it, and an exit handler only tells of it, so
these fail as infrastructure. Messages are those of argo-workflows workflow/controller (inferFailedReason, exec_control.go).
"""

import re
from collections.abc import Iterable, Sequence

from runs.facts import Attempt
from runs.objects import KILLED, Node, Pod, Workflow
from runs.step_logs import StepLog
from runs.steps_of_nodes import steps_of
from triggers.words import SKIP_REASON_OUTPUT

__all__ = ["attempt_outcome", "node_outcome", "reclaimed", "run_outcome"]

DEADLINES = (
    "Deadline exceeded",
    "exceeded its deadline",
    "Max duration limit exceeded",
    "active on the node longer than",
)
TIMEOUT = "timeout"
"""Argo's message for a pod that waited longer than its template allows."""
TIMED_OUT = 124
"""Exit code of a step that is one of several in a pod, when its own deadline is over: that of GNU's timeout."""
SHUTDOWNS = ("workflow shutdown with strategy", "Stopped with strategy")
CHECKOUT = "git-checkout-pr"
EXECUTOR_CODES = frozenset({64, 65})
"""Exit codes of Argo's own program in the main container if it could not start the step's command."""
NEVER_RAN = frozenset({"OOMKilled", "ContainerCannotRun", "ContainerStatusUnknown", "StartError"})
_CONTAINER = re.compile(
    r"(?:([a-z0-9][-a-z0-9]{0,62}): )?(?:(\w*) \(exit code (\d{1,9})\)|failed with exit code (\d{1,9}))"
)
"""Argo's message for a container that failed: `main: Error (exit code 1): its termination message`."""


def reclaimed(pod: Pod, notices: frozenset[str]) -> str:
    """Reason for which a spot pod was reclaimed: BidFailed, evicted; empty if it was not, or had done its work.

    With the release strategy api-evict the pod is deleted, and only the Event SpotToBeReleased tells (the vendor's page on
    preemptible instances). A warned pod whose main container ended by itself within the notice was not reclaimed.
    """
    if pod.main_ended and pod.exit_code not in KILLED:
        return ""
    if pod.expired:
        return "BidFailed"
    return "evicted" if pod.spot and "SpotToBeReleased" in notices else ""


def attempt_outcome(
    step: str, pod: Pod, node: Node | None, log: StepLog | None, taken: str, *, stopped: bool
) -> str:
    """The outcome of one ended pod.

    Args:
        step: Name of its step.
        pod: Its last state.
        node: Its node in the Workflow; None where the status has none.
        log: What its log says.
        taken: Why it was reclaimed; empty if it was not.
        stopped: Whether somebody stopped or terminated the Workflow. The node says so too, unless the pod was quicker.
    """
    if taken:
        return "error"
    if node is not None and node.phase == "Succeeded":
        # Argo's word holds for what it ended itself: daemons, and sidecars of a main container that was done.
        return "success"
    if pod.reason == "DeadlineExceeded" or _any(DEADLINES, pod.message):
        return "timeout"
    if pod.of and pod.exit_code == TIMED_OUT:
        return "timeout"
    by_node = "" if node is None else _by_message(node.message)
    if not pod.main_ended:
        told = "error" if node is None else node_outcome(step, node)
        return "cancellation" if stopped and told == "error" else told
    if pod.exit_code == 0:
        failed = node is not None and node.phase in {"Failed", "Error"}
        unwell = failed or pod.executor_failure or pod.sidecar_failure or pod.disruption
        return by_node or ("error" if unwell else "success")
    if by_node:
        return by_node
    if stopped and pod.exit_code in KILLED:
        return "cancellation"
    if pod.disruption or pod.main_reason in NEVER_RAN or _executor_failed(pod, node):
        return "error"
    if log is not None and log.image_build is not None and log.image_build.infrastructure:
        return "error"
    return _by_exit_code(step, pod.exit_code, on_exit=pod.on_exit or (node is not None and node.on_exit))


def _executor_failed(pod: Pod, node: Node | None) -> bool:
    """Whether Argo's own containers failed first, so that the main container could not work."""
    if pod.executor_failure and pod.exit_code in EXECUTOR_CODES:
        return True
    named = None if node is None else _CONTAINER.match(node.message)
    return named is not None and (named[1] or "main") != "main"


def node_outcome(step: str, node: Node) -> str:
    """The outcome by the node, for a pod that nobody saw, or that disappeared before the end of its container was seen."""
    if node.phase == "Succeeded":
        return "success"
    if found := _CONTAINER.match(node.message):
        own = node.step if node.type == "Container" else "main"
        told = int(found[3] or found[4])
        if node.type == "Container" and found[1] == own and told == TIMED_OUT:
            return "timeout"
        red = (found[1] or own) == own and found[2] not in NEVER_RAN
        return _by_exit_code(step, told, on_exit=node.on_exit) if red else "error"
    if word := _by_message(node.message):
        return word
    code = node.exit_code if not node.message and node.phase == "Failed" else None
    return _by_exit_code(step, code or None, on_exit=node.on_exit)


def _by_exit_code(step: str, code: int | None, *, on_exit: bool) -> str:
    return "error" if code is None or code in KILLED or step == CHECKOUT or on_exit else "failure"


def run_outcome(workflow: Workflow, attempts: Sequence[Attempt]) -> str:
    """The outcome of an ended Workflow.

    Args:
        workflow: In its last state.
        attempts: Its counted pods. What they do not tell, the Workflow's nodes may.
    """
    nodes = workflow.nodes or ()
    if workflow.shutdown and not attempts and not any(node.began for node in nodes):
        # It was stopped while it waited for a lock. Argo before 4.0.10 and 4.1.2 calls that Succeeded.
        return "cancellation"
    if workflow.phase == "Succeeded":
        return "skip" if _skipped(nodes) else "success"
    if workflow.shutdown or (not _CONTAINER.match(workflow.message) and _any(SHUTDOWNS, workflow.message)):
        return "cancellation"
    if _by_message(workflow.message) == "timeout":
        return "timeout"
    outcomes = set(_last_outcomes(nodes, attempts).values())
    for word in ("failure", "timeout", "cancellation"):
        if word in outcomes:
            return word
    return "error"


def _skipped(nodes: Sequence[Node]) -> bool:
    """Whether nothing was done: every step was skipped, or all after one that said why they had nothing to do."""
    skipping = {node.task for node in nodes if node.outputs.get(SKIP_REASON_OUTPUT)}
    # Of a pod with several steps the pod itself tells.
    pods = [node for node in nodes if node.type != "Container"]
    rest = [node for node in pods if node.task not in skipping and not (skipping and node.on_exit)]
    return bool(nodes) and all(node.phase in {"Skipped", "Omitted"} for node in rest)


def _last_outcomes(nodes: Iterable[Node], attempts: Sequence[Attempt]) -> dict[str, str]:
    """Task → outcome of its last attempt. A task is one item of a matrix; a step may have many."""
    seen = {each.node for each in attempts}
    ends = [
        (each.finished or each.created, each.uid, each.task or each.node or each.step, each.outcome)
        for each in attempts
    ]
    ends += [
        (node.finished or 0.0, node.id, node.task or node.id, node_outcome(node.step, node))
        for node in steps_of(nodes)
        if (node.had_pod and node.id not in seen)
        or (node.type == "Container" and node.began and node.boundary not in seen)
    ]
    return {task: outcome for _, _, task, outcome in sorted(ends)}


def _any(words: Iterable[str], message: str) -> bool:
    return any(word in message for word in words)


def _by_message(message: str) -> str:
    """The outcome by a message of Argo's own; none if it quotes a container, whose text may be anything."""
    if _CONTAINER.match(message):
        return ""
    if message == TIMEOUT or _any(DEADLINES, message):
        return "timeout"
    return "cancellation" if _any(SHUTDOWNS, message) else ""
