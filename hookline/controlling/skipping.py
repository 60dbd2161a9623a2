"""Skipped requests: a duty that tells a request's commit of the pipelines that start nothing for it.

Nothing is kept: the bus gives the events of the last hour after each start, and the host is asked before it is told.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from hookline.controlling.duties import Arrival
from hookline.controlling.unstarted import Unstarted, unstarted
from hookline.plan.planning import Plan
from runs.controller.duty import Hands
from runs.reports.status import Report

__all__ = ["Skipping"]

HOLD_SECONDS: Final = 10.0
"""Between an event and its statuses: the runs that the same commit starts tell theirs before."""
REMEMBERED: Final = 20_000
"""Commits of which is remembered what the bus said."""

_Key = tuple[str, str, str]
"""Source, repository and commit, in lower case."""
_Place = tuple[str, int]
"""Context, and number of the request; 0 of a group of a merge queue."""


@dataclass(slots=True)
class _Commit:
    """One commit, as the bus tells of it."""

    runs: set[str] = field(default_factory=set)
    """Contexts that runs give."""
    waits: set[_Place] = field(default_factory=set)
    """Contexts that wait for a person now, of each request: two requests may have one commit."""


class Skipping:
    """A duty of the bus."""

    name = "report-skipped"

    def __init__(self, plan: Plan, hands: Hands) -> None:
        """Begin with nothing seen."""
        self._plan, self._hands = plan, hands
        self._naming = hands.settings.naming
        self._held: OrderedDict[tuple[_Key, _Place], tuple[Unstarted, float | None]] = OrderedDict()
        """Commit, context and request → the newest word, and the time from which on it may be told."""
        self._commits: OrderedDict[_Key, _Commit] = OrderedDict()

    def arrived(self, arrival: Arrival) -> None:
        """A message."""
        event, source = arrival.event, arrival.delivery.event_name
        sha, repository = event.get("sha"), event.get("repository")
        if source not in self._hands.settings.sources or not (sha and repository):
            return
        key = source, str(repository).lower(), str(sha).lower()
        kind = str(event.get("kind"))
        started = [each.pipeline for each in arrival.results if each.workflow is not None]
        found = unstarted(self._plan, self._naming, source, event, arrival.results)
        request = event.get("pull_request") or {}
        number = request["number"] if isinstance(request.get("number"), int) else 0
        if request.get("action") in {"closed", "merged"}:
            self._close(self._commit(key), number)
        if not started and not found:
            return
        commit = self._commit(key)
        for pipeline in started:
            context = self._naming.context_named(pipeline, kind, source).lower()
            commit.runs.add(context)
            commit.waits.discard((context, number))
        for each in found:
            place = each.status.key[-1], number
            (commit.waits.add if each.status.word == "queued" else commit.waits.discard)(place)
            self._held[key, place] = each, None
        while len(self._held) > REMEMBERED:
            self._held.popitem(last=False)

    def looked(self, now: float) -> None:
        """A round ended; Unix seconds."""
        for where, (found, due) in list(self._held.items()):
            if due is None:
                self._held[where] = found, now + HOLD_SECONDS
            elif now >= due:
                commit = self._commits.get(where[0], _Commit())
                if _must_wait(found, commit):
                    continue
                del self._held[where]
                if _may_be_told(found, commit):
                    report = Report(found.status, "", "", "", 0.0, unsure=True, yields=True)
                    self._hands.put(found.source, report)

    @staticmethod
    def _close(commit: _Commit, number: int) -> None:
        """Nobody acts on a closed request."""
        commit.waits = {each for each in commit.waits if each[1] != number}

    def _commit(self, key: _Key) -> _Commit:
        found = self._commits.setdefault(key, _Commit())
        self._commits.move_to_end(key)
        if len(self._commits) > REMEMBERED:
            self._commits.popitem(last=False)
        return found


def _must_wait(found: Unstarted, commit: _Commit) -> bool:
    """Whether a run may still come that gives the commit the same status, or at this host the same verdict."""
    if found.status.word != "skip" or found.status.key[-1] in commit.runs:
        return False
    return any(found.together or context == found.status.key[-1] for context, _ in commit.waits)


def _may_be_told(found: Unstarted, commit: _Commit) -> bool:
    if found.status.key[-1] in commit.runs:
        return False
    if not found.together or found.status.word == "error":
        return True
    # A word that waits would hold what needs no such check, and a success would be the verdict before the runs have theirs.
    return found.status.word == "skip" and not commit.runs
