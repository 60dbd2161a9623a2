"""Replaying: the statuses that the controller would have given for the runs of a recording, in order. Nothing is sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from runs.controller.settings import ControllerSettings
from runs.objects import workflow_of
from runs.reports.hosts import HOST_APIS
from runs.reports.reporter import Reporter
from runs.reports.status import Report

__all__ = ["Told", "told"]


@dataclass(frozen=True, slots=True)
class Told:
    """One status."""

    at: float
    """Time of the recording, Unix seconds."""
    source: str
    state: str
    """As the host calls it."""
    report: Report

    @property
    def row(self) -> tuple[str, ...]:
        """The status for a person: time, source, repository, commit, context, state, description."""
        status = self.report.status
        time = datetime.fromtimestamp(self.at, UTC)
        where = (self.source, status.repository, status.sha[:12], status.context)
        return (f"{time:%Y-%m-%d %H:%M:%S}", *where, self.state, status.description)

    @property
    def data(self) -> dict[str, str | None]:
        """The status for a program, with the run that gives it; url is None where no page is known."""
        status = self.report.status
        time = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        return {
            "time": time.replace("+00:00", "Z"),
            "source": self.source,
            "repository": status.repository,
            "sha": status.sha,
            "status": status.context,
            "state": self.state,
            "description": status.description,
            "url": status.url or None,
            "namespace": self.report.namespace,
            "workflow": self.report.workflow,
        }


Recorded = tuple[float, str, Mapping[str, Any] | None, str]
"""A change of a Workflow: Unix seconds; changed, deleted, vanished or synced; the object, where there is one; the uid of one that vanished."""


def told(changes: Iterable[Recorded], settings: ControllerSettings) -> Iterator[Told]:
    """The statuses that a controller would have given that watched all along, with hosts that take each at once.

    Marks that a controller left in the recording do not count: they say what was told, and this says what would be.

    Args:
        changes: Of the Workflows in a recording, in order.
        settings: Of the controller.
    """
    apis = {name: HOST_APIS[each.host] for name, each in settings.sources.items()}
    due: list[tuple[str, Report]] = []
    reporter = Reporter(apis, lambda source, report: due.append((source, report)), settings.naming)
    now = 0.0
    synced = False
    for at, action, raw, uid in changes:
        now = max(now, at)
        found = None if raw is None else workflow_of(raw, frozenset())
        if found is not None:
            reporter.changed(replace(found, reported=""), now)
        if action in {"deleted", "vanished"}:
            reporter.gone(found.uid if found is not None else uid)
        if action == "synced" and not synced:
            synced = True
            reporter.synced(now)
        yield from (Told(now, source, apis[source].states[each.status.word], each) for source, each in due)
        due.clear()
    if not synced:
        reporter.synced(now)
        yield from (Told(now, source, apis[source].states[each.status.word], each) for source, each in due)
