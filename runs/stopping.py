"""Stops of runs: which ones are meant, and how each is stopped so that nothing of it starts any more.

Sources: argo-workflows 3.7.18 workflow/controller/operator.go and workflow/util/util.go (patchShutdownStrategy).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from apiserver.connection import Refused
from apiserver.resources import Resources
from triggers.words import CANCELLED_BECAUSE_ANNOTATION, CANCELLED_BY_ANNOTATION, PREFIX

__all__ = [
    "ENDED",
    "Asked",
    "Selection",
    "Step",
    "ask_to_end",
    "next_step",
    "phase",
    "request_number",
    "said_by_person",
    "same_run",
    "step_of",
    "stopping_patch",
]

TRIES = 5
"""How often a run that changes meanwhile is read again, and asked again."""
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
        return (
            bool(pipeline)
            and self.pipeline in ("", pipeline)
            # Hosts differ in whether case counts, and none has two names that differ in nothing else.
            and self.repository.lower() in ("", annotations.get(f"{PREFIX}repository", "").lower())
            and self.request in (0, request_number(annotations.get(f"{PREFIX}ref", "")) or -1)
        )


def request_number(ref: str) -> int:
    """Number of the request whose ref it is; 0 for any other ref."""
    found = _REQUEST.match(ref)
    return int(found[1]) if found else 0


def phase(workflow: Mapping[str, Any]) -> str:
    """The phase of a Workflow; Pending before the controller has looked at it."""
    return str((workflow.get("status") or {}).get("phase") or "Pending")


def next_step(workflow: Mapping[str, Any]) -> Step:
    """The next step about a run that shall not go on, by its state.

    A run that waits for a lock, or for the controller's parallelism, is Pending. `Stop` would only begin to count once it has started, so
    that is terminated: nothing of it has begun that an exit handler would have to tell of. A run that works is stopped, so that its exit
    handlers run.
    """
    return step_of(phase(workflow), workflow["spec"].get("shutdown") or "")


def step_of(now: str, shutdown: str) -> Step:
    """The same, by the phase and what the run was asked for before; empty texts for neither."""
    if now in ENDED:
        return "ended"
    if now == "Running":
        return "wait" if shutdown else "Stop"
    return "wait" if shutdown == "Terminate" else "Terminate"


def said_by_person(by: str, because: str) -> dict[str, str]:
    """Annotations of a run that a person stops: the user, and why; empty = not known, not said."""
    said = {CANCELLED_BY_ANNOTATION: by, CANCELLED_BECAUSE_ANNOTATION: because}
    return {key: value for key, value in said.items() if value}


def stopping_patch(
    workflow: Mapping[str, Any], strategy: str, annotations: Mapping[str, str]
) -> dict[str, Any]:
    """The merge patch that stops a run, and says why.

    Args:
        workflow: As it was read.
        strategy: Stop or Terminate.
        annotations: Written with it.
    """
    spec: dict[str, Any] = {"shutdown": strategy}
    if workflow["spec"].get("suspend"):
        # The controller does not end a suspended Workflow, whatever its shutdown says.
        spec["suspend"] = None
    return {"metadata": {"annotations": dict(annotations)}, "spec": spec}


@dataclass(frozen=True, slots=True)
class Asked:
    """Result of asking for the end of a run."""

    now: Mapping[str, Any] | None
    """The run as it is; None if it was deleted."""
    strategy: str
    """Stop or Terminate, whoever asked for it; empty if nobody had to."""
    patched: bool = False
    """Whether it was asked for just now."""


def ask_to_end(
    resources: Resources,
    workflow: Mapping[str, Any],
    now: Mapping[str, Any] | None,
    annotations: Mapping[str, str],
    strategy: str = "",
) -> Asked:
    """Ask the controller to end a run, by its state when the API server takes the request.

    Args:
        resources: Of the cluster.
        workflow: Says which run: apiVersion, kind, and of its metadata namespace, name and uid.
        now: The run as it was read last; None if it was deleted.
        annotations: Written with the request.
        strategy: What it was asked for before; empty = nothing.

    Raises:
        UnknownKind, Refused, Unreachable: The API server cannot do it.
    """
    for _ in range(TRIES):
        if now is None:
            break
        step = next_step(now)
        if step == "ended":
            return Asked(now, strategy)
        if step == "wait":
            # By this, or by somebody else before.
            return Asked(now, strategy or now["spec"]["shutdown"])
        try:
            return Asked(resources.merge(now, stopping_patch(now, step, annotations)), step, patched=True)
        except Refused as refused:
            if refused.status not in (404, 409):
                raise
            # It has changed since it was read: it may have started, or ended.
            now = same_run(resources, workflow)
    return Asked(now, strategy)


def same_run(resources: Resources, workflow: Mapping[str, Any]) -> dict[str, Any] | None:
    """A run as it is now; None if it was deleted, whoever has its name by now.

    Raises:
        UnknownKind, Refused, Unreachable: The API server cannot say.
    """
    metadata = workflow["metadata"]
    found = resources.read(workflow["apiVersion"], workflow["kind"], metadata["namespace"], metadata["name"])
    return found if found is not None and found["metadata"]["uid"] == metadata["uid"] else None
