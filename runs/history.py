"""Records of runs, for people: the ledger keeps those that ended, and the pages show them beside those that have not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from runs import facts
from runs.fan_outs import FanOut
from runs.step_logs import LogEnd

__all__ = ["Attempt", "FanOutPage", "History", "Name", "Page", "Query", "Run"]

Name = Literal["namespace", "owner", "pipeline"]
"""The labels that tell the runs of teams apart."""


@dataclass(frozen=True, slots=True)
class Attempt(facts.Attempt):
    """One pod of a run, with what was measured of it."""

    cache_state: str = ""
    """State of the step's cache by its log: "full", "cold_missing", "clone"; empty if nothing is known."""
    cost: float | None = None
    list_cost: float | None = None
    caches: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Cache → hits, requests."""
    log: LogEnd | None = None
    """The end of a red step's log; None where it was not read, or is kept no longer."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Times are Unix seconds."""

    uid: str
    namespace: str
    name: str
    pipeline: str
    event: str
    """push, tag, pull_request, merge_group, image_push, schedule or manual."""
    outcome: str
    """The outcome; queued, running or ending where it has not ended, or is not counted yet."""
    created: float
    started: float | None
    finished: float | None
    """None where it is not counted yet."""
    owner: str = ""
    """Owner of the pipeline; empty where the Workflow named none."""
    message: str = ""
    ref: str = ""
    sha: str = ""
    actor: str = ""
    reason: str = ""
    """The reason code of the decision that started it; empty for a run that hookline did not start."""
    delivery: str = ""
    """The host's delivery id."""
    cost: float | None = None
    """Estimate, in `currency`; None where a price is missing."""
    list_cost: float | None = None
    """Cost of the same pods on demand."""
    currency: str = ""
    repository: str = ""
    """`owner/name` at its host."""
    source: str = ""
    """The source of the event, as hookline.yaml names it."""
    caches: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Cache (image_layer, go_module, ...) → hits, requests; a cache that is not in use is absent."""
    cache_state: str = ""
    """The state of the image build's cache."""
    attempts: Sequence[Attempt] = ()
    fan_out: str = ""
    """Name of the fan-out that started it; empty for every other run."""

    @property
    def duration(self) -> float | None:
        """Seconds from the start (from the creation where nothing started) to the end; None before it."""
        if self.finished is None:
            return None
        return max(0.0, self.finished - (self.created if self.started is None else self.started))


@dataclass(frozen=True, slots=True)
class Query:
    """Filter for runs, the newest first; an empty field means any."""

    pipeline: str = ""
    event: str = ""
    outcome: str = ""
    text: str = ""
    """Part of a run's name, ref, sha or actor."""
    before: tuple[float, str] | None = None
    """(finished, uid) of the last run of the page before."""
    limit: int = 50
    namespace: str = ""
    owner: str = ""
    fan_out: str = ""
    """Name of the fan-out that started them."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of runs, without their attempts."""

    runs: Sequence[Run]
    more: tuple[float, str] | None
    """Beginning of the next page; None on the last one."""


@dataclass(frozen=True, slots=True)
class FanOutPage:
    """A page of fan-outs."""

    fan_outs: Sequence[FanOut]
    more: tuple[float, str] | None
    """Beginning of the next page; None on the last one."""


class History(Protocol):
    """Store from which finished runs are read; every call is safe from any thread."""

    def page(self, query: Query) -> Page:
        """Runs, the newest first."""

    def run(self, namespace: str, name: str) -> Run | None:
        """One run with its attempts, the newest of that name."""

    def values(self, name: Name) -> Sequence[str]:
        """The namespaces, owners or pipelines of the runs, in order."""

    def fan_outs(self, name: str, before: tuple[float, str] | None, limit: int) -> FanOutPage:
        """Fan-outs that ended, the newest first.

        Args:
            name: Of its Workflow; empty means any.
            before: (finished, uid) of the last one of the page before.
            limit: How many at most.
        """
