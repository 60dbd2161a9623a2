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


@dataclass(slots=True)
class _Commit:
    """One commit, as the bus tells of it."""

    runs: set[str] = field(default_factory=set)
    """Contexts that runs give."""
    waits: set[str] = field(default_factory=set)
    """Contexts that wait for a person now."""


class Skipping:
    """A duty of the bus."""

    name = "report-skipped"

    def __init__(self, plan: Plan, hands: Hands) -> None:
        """Begin with nothing seen."""
        self._plan, self._hands = plan, hands
        self._naming = hands.settings.naming
        self._held: dict[tuple[_Key, str], tuple[Unstarted, float | None]] = {}
        """Commit and context → the newest word, and the time from which on it may be told."""
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
        if not started and not found:
            return
        commit = self._commit(key)
        for pipeline in started:
            context = self._naming.context_named(pipeline, kind, source).lower()
            commit.runs.add(context)
            commit.waits.discard(context)
        for each in found:
            context = each.status.key[-1]
            (commit.waits.add if each.status.word == "queued" else commit.waits.discard)(context)
            self._held[key, context] = each, None

    def looked(self, now: float) -> None:
        """A round ended; Unix seconds."""
        for place, (found, due) in list(self._held.items()):
            if due is None:
                self._held[place] = found, now + HOLD_SECONDS
            elif now >= due:
                del self._held[place]
                if _may_be_told(found, self._commit(place[0])):
                    report = Report(found.status, "", "", "", 0.0, unsure=True, yields=True)
                    self._hands.put(found.source, report)

    def _commit(self, key: _Key) -> _Commit:
        found = self._commits.setdefault(key, _Commit())
        self._commits.move_to_end(key)
        if len(self._commits) > REMEMBERED:
            self._commits.popitem(last=False)
        return found


def _may_be_told(found: Unstarted, commit: _Commit) -> bool:
    if found.status.key[-1] in commit.runs:
        return False
    if not found.together:
        return True
    # A word that waits would hold what needs no such check, and a success would be the verdict before the runs have theirs.
    return found.status.word == "error" or not (commit.runs or commit.waits)
