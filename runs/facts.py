"""Facts: a run that begins, a pod of it that ends, a run that ends; and the protocol of listeners.

These records are the core's answer to the question what happened. They hold no labels of metrics, no prices, no counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Attempt", "Began", "Ended", "Listener"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A run, as it was known when it began. Texts are empty, and times None, where nobody said them."""

    uid: str
    namespace: str
    name: str
    """Name of the Workflow."""
    template: str = ""
    """Name in its workflowTemplateRef."""
    pipeline: str = ""
    """Name of the pipeline in hookline.yaml; empty for a run that hookline did not start."""
    owner: str = ""
    """Owner of the pipeline; empty where the Workflow names none."""
    source: str = ""
    """The source of the event, as hookline.yaml names it."""
    repository: str = ""
    """`owner/name` at its host: as the Workflow says, else by the URL that the run clones."""
    repo_name: str = ""
    """The argument `repo_name`, which distinguishes runs that hookline did not start."""
    ref: str = ""
    sha: str = ""
    event: str = ""
    """push, tag, pull_request, merge_group, image_push, schedule or manual."""
    event_id: str = ""
    event_hash: str = ""
    """The label `hookline.dev/event`: the same for each Workflow that this event starts, under whatever configuration."""
    event_time: float | None = None
    """Unix seconds when the event reached the bus; None also for a run that was resubmitted."""
    acted: float | None = None
    """Unix seconds when the Sensor acted, where it stamps that."""
    fire_time: float | None = None
    """Unix seconds for which a schedule started it."""
    actor: str = ""
    reason: str = ""
    """The reason code of the decision that started it."""
    delivery: str = ""
    """The host's delivery id."""
    fan_out: str = ""
    """Name of the fan-out that started it; empty for every other run, and for one that repeats a run."""
    created: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pod of a run that ended. Times are Unix seconds; None if the API never gave them."""

    step: str
    """The step's name in the template: "run-test"."""
    pod: str
    outcome: str
    """success, failure, error, timeout, cancellation, skip, or unknown: the pod vanished unseen."""
    capacity: str
    """spot or on_demand."""
    platform: str
    """eci, acs or node."""
    created: float
    started: float | None
    finished: float | None
    message: str = ""
    """Reason of its end, in the words of Kubernetes; any text."""
    reclaimed: bool = False
    degraded: bool = False
    scheduled: float | None = None
    """Time at which the pod got its node."""
    node: str = ""
    """id of its node in the Workflow's status."""
    task: str = ""
    """Name of its node without attempts: the same for all attempts of one item of a matrix."""
    uid: str = ""
    """uid of the pod."""

    @property
    def key(self) -> str:
        """Key of this pod: the same each time it is seen, and unique."""
        return f"attempt/{self.uid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that ended. `argo retry` opens a Workflow again: then it begins, and ends, another time."""

    run: Began
    outcome: str
    """success, failure, error, timeout, cancellation or skip."""
    phase: str
    """Succeeded, Failed or Error, as Argo says."""
    message: str = ""
    """Argo's; may hold anything."""
    started: float | None = None
    finished: float
    """Unix seconds."""
    attempts: Sequence[Attempt] = ()
    """Attempts in the order of their creation; those that nobody saw are missing."""
    memoized: tuple[int, int] | None = None
    """Hits and lookups of Argo's memoization cache; None where no node uses it."""

    @property
    def key(self) -> str:
        """Key of this end: the same each time it is seen, and unique."""
        return f"run/{self.run.uid}/{self.finished:.0f}"

    @property
    def duration(self) -> float:
        """Seconds from the start (from the creation where nothing started) to the end."""
        return max(0.0, self.finished - (self.run.created if self.started is None else self.started))


class Listener(Protocol):
    """A listener: it receives each fact once, in order.

    With a ledger it is told within the transaction that counts the fact: it must be quick and wait for nobody. What it must
    deliver elsewhere it puts into the outbox, which is part of the same transaction.
    """

    def began(self, run: Began) -> None:
        """A run was seen before its end."""

    def attempt_ended(self, run: Began, attempt: Attempt) -> None:
        """A pod of a run has ended."""

    def ended(self, run: Ended) -> None:
        """A run has ended, and all its attempts were reported before."""
