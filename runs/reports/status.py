"""The status of a commit that a run gives, in words that no host has of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runs.objects import Node, Workflow
from runs.outcomes import run_outcome
from runs.reports.failing_tests import failing_tests_of
from runs.reports.run_details import RunDetails
from runs.steps_of_nodes import steps_of
from triggers.words import SKIP_REASON_OUTPUT

__all__ = ["FINAL", "NOT_STARTED", "Report", "Status", "Word", "deleted", "status_of"]

NOT_STARTED = "not started: "
"""Begin of the description of a status that no run gives, and that a later one may replace."""
Word = Literal["queued", "running", "success", "failure", "error", "timeout", "cancellation", "skip"]
FINAL = frozenset({"success", "failure", "error", "timeout", "cancellation", "skip"})
"""Words after which nothing follows; they are the outcomes of runs (`runs.outcomes`)."""

SHOWN = 140
"""Characters of a description that every host shows: GitHub's limit."""


@dataclass(frozen=True, slots=True)
class Status:
    """One status of one commit."""

    repository: str
    """`owner/name` at the host."""
    sha: str
    context: str
    """Name of the status; a later one of the same name and commit replaces it."""
    word: Word
    description: str
    """One line of any length; a host cuts it."""
    url: str = ""
    """Page of the run; empty where there is none."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Key of what a later status replaces. Hosts compare names without case."""
        return self.repository.lower(), self.sha.lower(), self.context.lower()

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self.word in FINAL


@dataclass(frozen=True, slots=True)
class Report:
    """A status, and the Workflow that gives it."""

    status: Status
    namespace: str
    workflow: str
    uid: str
    finished: float
    """End of the Workflow, Unix seconds; 0 before."""
    memory: str = ""
    """Memory of the host's last answer about this run (`runs.reports.host_api.Delivered`)."""
    yields: bool = False
    """Whether no run gives it. The host is asked first, and told only if it has no status of this name, or one that begins with NOT_STARTED."""
    unsure: bool = False
    """Whether the host may have it already: it was asked before, and whoever did that wrote down no answer."""
    details: RunDetails | None = None
    """None where the host does not show them."""


def status_of(workflow: Workflow, context: str, url: str) -> Status:
    """The status that a Workflow gives its commit now."""
    word: Word
    if not workflow.ended:
        word = "running" if workflow.phase == "Running" else "queued"
        return _status(workflow, context, url, word, "is running" if word == "running" else "waits to start")
    outcome = run_outcome(workflow, ())
    word = outcome if outcome in FINAL else "error"  # type: ignore[assignment]  # the outcomes are the final words
    return _status(workflow, context, url, word, _end(workflow, word))


def deleted(workflow: Workflow, context: str, url: str) -> Status:
    """The last status of a Workflow that was deleted before it ended: its pods went with it."""
    return _status(workflow, context, url, "cancellation", "was deleted before it ended")


def _status(workflow: Workflow, context: str, url: str, word: Word, description: str) -> Status:
    return Status(workflow.repository, workflow.sha, context, word, description, url)


def _end(workflow: Workflow, word: Word) -> str:
    nodes = steps_of(workflow.nodes or ())
    took = _took(workflow)
    if word == "success":
        return f"passed{took}"
    if word == "skip":
        reason = next((each.outputs[SKIP_REASON_OUTPUT] for each in nodes if _says_why(each)), "")
        return f"skipped: {_line(reason) or 'nothing to do'}"
    if word == "cancellation":
        return (
            f"superseded by {workflow.superseded_by[:12]}"
            if workflow.superseded_by
            else f"was cancelled{took}"
        )
    step = _failed_step(nodes)
    where = f" in {step.step}" if step is not None and step.step else ""
    if word == "failure":
        return _with_test(f"failed{where}{took}", step)
    if word == "timeout":
        return f"timed out{where}{took}"
    message = _line((step.message if step is not None else "") or workflow.message)
    return f"not your code: the infrastructure failed{where}{f': {message}' if message else ''}"


def _with_test(said: str, step: Node | None) -> str:
    """The text, and the first failing test where every host shows both whole."""
    tests = failing_tests_of(() if step is None else (step,))
    longer = f"{said}: {tests[0].title}" if tests else said
    return longer if len(longer) <= SHOWN else said


def _says_why(node: Node) -> bool:
    return bool(node.outputs.get(SKIP_REASON_OUTPUT))


def _failed_step(nodes: Sequence[Node]) -> Node | None:
    """The step that failed first, in its last attempt."""
    last = {node.task or node.id: node for node in sorted(nodes, key=_when)}
    failed = [node for node in last.values() if node.phase in {"Failed", "Error"} and not node.on_exit]
    return min(failed, key=_when, default=None)


def _when(node: Node) -> tuple[float, str]:
    return node.finished or 0.0, node.id


def _took(workflow: Workflow) -> str:
    if workflow.finished is None or workflow.started is None:
        return ""
    seconds = max(0, round(workflow.finished - workflow.started))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f" after {hours} h {minutes} min"
    return f" after {minutes} min {seconds} s" if minutes else f" after {seconds} s"


def _line(text: str) -> str:
    """Any text as one line of printable characters."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
