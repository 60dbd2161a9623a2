"""Stops of runs: which ones are meant, and how each is stopped so that nothing of it starts any more.

Sources: argo-workflows 3.7.18 workflow/controller/operator.go and workflow/util/util.go (patchShutdownStrategy).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from triggers.words import CANCELLED_BECAUSE_ANNOTATION, CANCELLED_BY_ANNOTATION, PREFIX

__all__ = ["ENDED", "Selection", "Step", "next_step", "phase", "stopping_patch"]

ENDED = frozenset({"Succeeded", "Failed", "Error"})
"""Phases of a Workflow that has ended."""

Step = Literal["ended", "wait", "Stop", "Terminate"]
"""The next step about a run: nothing, wait until it has ended, or ask the controller to shut it down."""

_REQUEST = re.compile(r"refs/(?:pull|merge-requests)/([0-9]{1,18})/")


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs that a person means: all that is said must hold. Empty texts and 0 were not said."""

    pipeline: str = ""
    repository: str = ""
    request: int = 0

    def chooses(self, workflow: Mapping[str, Any]) -> bool:
        """Whether a Workflow is one of them; those that hookline did not start never are."""
        metadata = workflow["metadata"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        pipeline = labels.get(f"{PREFIX}pipeline", "")
        request = _REQUEST.match(annotations.get(f"{PREFIX}ref", ""))
        return (
            bool(pipeline)
            and self.pipeline in ("", pipeline)
            # Hosts differ in whether case counts, and none has two names that differ in nothing else.
            and self.repository.lower() in ("", annotations.get(f"{PREFIX}repository", "").lower())
            and self.request in (0, int(request[1]) if request else -1)
        )


def phase(workflow: Mapping[str, Any]) -> str:
    """The phase of a Workflow; Pending before the controller has looked at it."""
    return str((workflow.get("status") or {}).get("phase") or "Pending")


def next_step(workflow: Mapping[str, Any]) -> Step:
    """The next step about a run that shall not go on, by its state.

    A run that waits for a lock, or for the controller's parallelism, is Pending. `Stop` would only begin to count once it has started, so
    that is terminated: nothing of it has begun that an exit handler would have to tell of. A run that works is stopped, so that its exit
    handlers run.
    """
    now = phase(workflow)
    if now in ENDED:
        return "ended"
    shutdown = workflow["spec"].get("shutdown") or ""
    if now == "Running":
        return "wait" if shutdown else "Stop"
    return "wait" if shutdown == "Terminate" else "Terminate"


def stopping_patch(workflow: Mapping[str, Any], strategy: str, by: str, because: str) -> dict[str, Any]:
    """The merge patch that stops a run, and says who did and why.

    Args:
        workflow: As it was read.
        strategy: Stop or Terminate.
        by: The user; empty = not known.
        because: Why; empty = not said.
    """
    said = {CANCELLED_BY_ANNOTATION: by, CANCELLED_BECAUSE_ANNOTATION: because}
    spec: dict[str, Any] = {"shutdown": strategy}
    if workflow["spec"].get("suspend"):
        # The controller does not end a suspended Workflow, whatever its shutdown says.
        spec["suspend"] = None
    return {
        "metadata": {"annotations": {key: value for key, value in said.items() if value}},
        "spec": spec,
    }
