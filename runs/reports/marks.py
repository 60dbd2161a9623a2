"""Marks: what a run's host was told is written on its Workflow, so that it is told once whoever asks, and however often it starts."""

import contextlib
from dataclasses import dataclass
from typing import Any

import orjson

from runs.objects import Workflow
from triggers.words import REPORTED_ANNOTATION

__all__ = ["Mark", "mark_of", "patch_of"]


@dataclass(frozen=True, slots=True)
class Mark:
    """The last status that a host took of a Workflow. All fields are empty where it took none."""

    state: str = ""
    """As the host calls it."""
    final: bool = False
    finished: float = 0.0
    """End of the Workflow that it tells of, Unix seconds; `argo retry` makes another end."""
    memory: str = ""
    """Text that the next status needs (`Delivered.memory`)."""

    def covers(self, workflow: Workflow, state: str) -> bool:
        """Whether the host need not be told that a Workflow is in this state."""
        if workflow.ended:
            return self.final and self.finished == (workflow.finished or 0.0)
        return not self.final and self.state == state


def mark_of(workflow: Workflow) -> Mark:
    """The mark on a Workflow. Anybody may write annotations: what is no mark of ours is none."""
    with contextlib.suppress(orjson.JSONDecodeError, TypeError, ValueError, OverflowError):
        found: Any = orjson.loads(workflow.reported or "{}")
        if isinstance(found, dict):
            return Mark(
                state=str(found.get("state", ""))[:32],
                final=found.get("final") is True,
                finished=float(found.get("finished", 0.0)),
                memory=str(found.get("memory", ""))[:64],
            )
    return Mark()


def patch_of(uid: str, mark: Mark) -> dict[str, Any]:
    """The merge patch that writes a mark; the API server refuses it for another Workflow of the same name."""
    value = {"state": mark.state, "final": mark.final, "finished": mark.finished, "memory": mark.memory}
    annotations = {REPORTED_ANNOTATION: orjson.dumps(value).decode()}
    return {"metadata": {"uid": uid, "annotations": annotations}}
