"""Superseded runs: which of several runs of one request, or of one branch, a newer commit has made useless. Worked out without the cluster."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["LONGEST_SECONDS", "Attempt", "Choice", "Closure", "Subject", "superseded"]

LONGEST_SECONDS = 7 * 24 * 3600.0
"""A run whose event is older than this is left alone."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The runs that a newer commit may end at all: of which kinds of events."""

    sources: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Source → kinds: pull_request, push."""
    pipelines: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Pipeline → kinds, which count for it in place of those of its source."""

    def holds(self, source: str, pipeline: str, kind: str) -> bool:
        """Whether a run of this pipeline and kind of event is one of them."""
        return kind in self.pipelines.get(pipeline, self.sources.get(source, frozenset()))


@dataclass(frozen=True, slots=True)
class Subject:
    """The things that runs must have in common before one of them can supersede another."""

    namespace: str
    pipeline: str
    source: str
    repository: str
    """`owner/name` in lower case: hosts differ in whether case counts."""
    ref: str
    """The request, or the branch where branch pushes are superseded; never empty."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a commit that an event started. Runs that a person started, and repeated ones, are none."""

    uid: str
    subject: Subject
    sha: str
    event_time: float
    """Unix seconds."""
    ended: bool


@dataclass(frozen=True, slots=True)
class Closure:
    """A request that was closed, merged, or opened again."""

    source: str
    repository: str
    """`owner/name` in lower case."""
    request: int
    """Its number."""
    time: float
    """When the event reached the bus, Unix seconds without a fraction, as Workflows carry it."""
    closed: bool
    pipelines: frozenset[str] = frozenset()
    """Pipelines of the repository: runs that a person started carry no source."""

    @property
    def key(self) -> tuple[str, str, int]:
        """The request."""
        return self.source, self.repository, self.request


def superseded(attempts: Iterable[Attempt], now: float) -> dict[str, str]:
    """The runs that shall end, each with the commit that supersedes it.

    Only the newest event of a subject decides. A run of the same commit stays, since it may come of an event that was delivered twice; so
    does one of the same moment, since nobody knows which of the two is newer.

    Args:
        attempts: All that are known, in any order; ended ones count as newer ones.
        now: Unix seconds.

    Returns:
        uid → commit of the newest event.
    """
    known = list(attempts)
    newest: dict[Subject, Attempt] = {}
    for each in known:
        best = newest.get(each.subject)
        if best is None or _order(each) > _order(best):
            newest[each.subject] = each
    return {
        each.uid: newest[each.subject].sha
        for each in known
        if not each.ended and now - each.event_time <= LONGEST_SECONDS and _beats(newest, each)
    }


def _order(attempt: Attempt) -> tuple[float, str, str]:
    # Sha and uid only make the choice the same in any order of arrival.
    return attempt.event_time, attempt.sha, attempt.uid


def _beats(newest: Mapping[Subject, Attempt], attempt: Attempt) -> bool:
    best = newest[attempt.subject]
    return best.sha != attempt.sha and best.event_time > attempt.event_time
