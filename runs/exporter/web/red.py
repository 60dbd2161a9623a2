"""The red part of a run: its failed pods, and one sentence on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from runs.history import Attempt, Run
from runs.step_logs import FailedTest

__all__ = ["Red", "headline", "reds"]

MOST = 20
RED = frozenset({"failure", "error", "timeout"})
_SAID = {
    "failure": "failed",
    "timeout": "ran out of time",
    "error": "failed, and not by your code",
}
_ORDER = ("failure", "timeout", "error")


@dataclass(frozen=True, slots=True)
class Red:
    """A failed pod."""

    attempt: Attempt
    retried: bool
    """Whether the same task was tried again."""


def reds(run: Run) -> tuple[Sequence[Red], int]:
    """The failed pods of a run, those that nobody tried again first; and how many more there are than are shown."""
    last = {_task(each): each for each in run.attempts}
    found = [Red(each, last[_task(each)] is not each) for each in run.attempts if each.outcome in RED]
    found.sort(key=lambda each: each.retried)
    return found[:MOST], max(0, len(found) - MOST)


def headline(run: Run) -> str:
    """One sentence on why a run is red; empty for any other run, and where only Argo's message tells."""
    if run.outcome not in RED:
        return ""
    found = [each.attempt for each in reds(run)[0] if not each.retried]
    found.sort(key=lambda each: _ORDER.index(each.outcome))
    first = next((each for each in found if each.outcome == run.outcome), None)
    if first is None:
        return ""
    step = first.step or "A step"
    if first.log is not None and first.log.failed:
        count = len(first.log.failed) + first.log.more
        return f"{step} failed: {_named(first.log.failed[0])}" + (
            f", and {count - 1} more" if count > 1 else ""
        )
    said = f"{step} {_SAID[first.outcome]}"
    line = next((each.strip() for each in reversed(first.log.lines) if each.strip()), "") if first.log else ""
    if line:
        return f"{said}; its log ends with: {line}"
    return f"{said}: {first.message}" if first.message else said


def _named(test: FailedTest) -> str:
    where = next((f" at {each.file}:{each.line}" for each in test.places if each.file), "")
    return f"{test.name or test.package}{where}"


def _task(attempt: Attempt) -> str:
    return attempt.task or attempt.node or attempt.uid or attempt.pod
