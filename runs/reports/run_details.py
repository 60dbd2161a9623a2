"""Details of a run for a host that shows them: what each step did, how long it took, and what its caches held."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runs.objects import Node, Workflow
from runs.outcomes import node_outcome
from runs.reports.failing_tests import FailingTest, failing_tests_of, one_line
from runs.step_logs.image_build import cache_counts
from runs.steps_of_nodes import steps_of

__all__ = ["RunDetails", "Step", "details_of"]

MAX_STEPS = 100
_RESULTS = {
    "success": "passed",
    "failure": "failed",
    "error": "infrastructure failed",
    "timeout": "timed out",
    "cancellation": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step, in its last attempt. Texts are single lines."""

    name: str
    result: str
    """In words."""
    seconds: float | None
    cache: str
    """Findings of its caches in the status; empty where it has none."""
    attempts: int
    message: str
    """Why it failed, as Argo says it."""


@dataclass(frozen=True, slots=True)
class RunDetails:
    """The steps of a Workflow, as its status has them."""

    started: float | None
    """Unix seconds."""
    steps: tuple[Step, ...] = ()
    """In the order in which they began, at most MAX_STEPS."""
    more_steps: int = 0
    """Steps beyond them."""
    failing_tests: tuple[FailingTest, ...] = ()


def details_of(workflow: Workflow) -> RunDetails:
    """The details of a Workflow as it is now."""
    tasks: dict[str, list[Node]] = {}
    for node in sorted(steps_of(workflow.nodes or ()), key=_order):
        tasks.setdefault(node.task or node.id, []).append(node)
    steps = [_step(attempts) for attempts in list(tasks.values())[:MAX_STEPS]]
    last = [attempts[-1] for attempts in tasks.values()]
    failed = [each for each in last if each.phase in {"Failed", "Error"} and not each.on_exit]
    return RunDetails(
        workflow.started, tuple(steps), max(0, len(tasks) - MAX_STEPS), failing_tests_of(failed)
    )


def _order(node: Node) -> tuple[float, str]:
    return node.started if node.started is not None else float("inf"), node.id


def _step(attempts: Sequence[Node]) -> Step:
    node = attempts[-1]
    took = node.finished - node.started if node.finished is not None and node.started is not None else None
    failed = node.phase in {"Failed", "Error"}
    return Step(
        name=one_line(_shown(node), 100) or "step",
        result=_result(node),
        seconds=max(0.0, took) if took is not None and node.began else None,
        cache="; ".join(_caches(node)),
        attempts=len(attempts),
        message=one_line(node.message, 200) if failed else "",
    )


def _shown(node: Node) -> str:
    """The step, with its item where a matrix has several."""
    item = node.task.rpartition(node.step)[2] if node.step else ""
    return f"{node.step}{item}"


def _result(node: Node) -> str:
    match node.phase:
        case "Succeeded":
            return "passed"
        case "Failed" | "Error":
            return _RESULTS.get(node_outcome(node.step, node), "failed")
        case "Skipped" | "Omitted":
            return "skipped"
        case "Running":
            return "runs"
        case _:
            return "waits"


def _caches(node: Node) -> Iterable[str]:
    if node.memoized:
        yield "result taken from the cache"
    needed, downloaded = (
        _number(node.outputs.get(f"go-modules-{word}", "")) for word in ("needed", "downloaded")
    )
    if needed and downloaded is not None:
        yield f"Go modules: {max(0, needed - downloaded)} of {needed} from the cache"
    if (counts := cache_counts(node.outputs.get("image-cache-metrics"))) is not None and counts[1]:
        yield f"image: {counts[0]} of {counts[1]} steps from the cache"


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None
