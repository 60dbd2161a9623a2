"""How a run or an attempt ended, in OpenTelemetry's words: `failure` is the code's, `error` the infrastructure's.

The rules are tried in order; each has a witness in the tests. What counts as red code is a main container that exited with a
code of its own in a step that runs the repository's code. A checkout runs none of it, so it fails as infrastructure.
"""

import re
from collections.abc import Iterable

from runs.objects import Node, Pod, Workflow
from runs.step_logs import StepLog

__all__ = ["attempt_outcome", "reclaimed", "run_outcome"]

KILLED = frozenset({137, 143})
"""128 + SIGKILL, 128 + SIGTERM: somebody else ended the process."""
DEADLINES = (
    "DeadlineExceeded",
    "deadline exceeded",
    "exceeded its deadline",
    "Max duration limit exceeded",
    "active on the node longer than",
)
SHUTDOWNS = ("shutdown with strategy", "Stopped with strategy", "workflow shutdown")
CHECKOUT = "git-checkout-pr"
_EXIT_CODE = re.compile(r"\(exit code (\d{1,3})\)")


def reclaimed(pod: Pod, notices: frozenset[str]) -> str:
    """Why a spot pod was taken away: BidFailed, evicted; empty if it was not, or had done its work.

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
    if pod.reason == "DeadlineExceeded" or _any(DEADLINES, pod.message):
        return "timeout"
    if not pod.main_ended:
        told = "error" if node is None else _node_outcome(step, node)
        return "cancellation" if stopped and told == "error" else told
    if pod.exit_code == 0:
        return "error" if pod.other_failure else "success"
    if node is not None and (told := _by_message(node.message)):
        return told
    if stopped and pod.exit_code in KILLED:
        return "cancellation"
    if pod.main_reason in {"OOMKilled", "ContainerCannotRun", "StartError"}:
        return "error"
    if log is not None and log.image_build is not None and log.image_build.infrastructure:
        return "error"
    return _by_exit_code(step, pod.exit_code)


def _node_outcome(step: str, node: Node) -> str:
    """What Argo says of a pod that went before its container's end was seen."""
    if node.phase == "Succeeded":
        return "success"
    code = _EXIT_CODE.search(node.message)
    return _by_message(node.message) or (_by_exit_code(step, int(code[1])) if code else "error")


def _by_exit_code(step: str, code: int | None) -> str:
    return "error" if code is None or code in KILLED or step == CHECKOUT else "failure"


def run_outcome(workflow: Workflow, attempts: Iterable[tuple[str, str]]) -> str:
    """The outcome of an ended Workflow.

    Args:
        workflow: In its last state.
        attempts: Step and outcome of each pod, in the order of their ends.
    """
    if workflow.phase == "Succeeded":
        nodes = workflow.nodes
        return "skip" if nodes and all(node.phase in {"Skipped", "Omitted"} for node in nodes) else "success"
    if workflow.shutdown or _any(SHUTDOWNS, workflow.message):
        return "cancellation"
    if _any(DEADLINES, workflow.message):
        return "timeout"
    # A step that was retried counts by its last attempt.
    outcomes = set(dict(attempts).values())
    for word in ("failure", "timeout", "cancellation"):
        if word in outcomes:
            return word
    return "error"


def _any(words: Iterable[str], text: str) -> bool:
    return any(word in text for word in words)


def _by_message(message: str) -> str:
    if _any(DEADLINES, message):
        return "timeout"
    return "cancellation" if _any(SHUTDOWNS, message) else ""
