"""Duties of the controller: what is called with Workflows, and what runs beside them while this instance leads."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Metric

from apiserver.connection import Connection
from runs.controller.settings import ControllerSettings
from runs.objects import Workflow
from runs.reports.status import Report
from runs.superseding import Closure

__all__ = ["Companion", "Hands", "WorkflowDuty"]


class WorkflowDuty(Protocol):
    """Is told of Workflows. The controller's one thread calls it, so it must return at once."""

    def changed(self, workflow: Workflow, now: float) -> None:
        """A Workflow as it is now; Unix seconds."""

    def gone(self, uid: str) -> None:
        """A Workflow is no longer there; its last state was given before, if it was seen."""

    def synced(self, now: float) -> None:
        """All Workflows were given once; Unix seconds."""


@dataclass(frozen=True, slots=True)
class Hands:
    """The ways in which a duty acts."""

    connection: Connection
    settings: ControllerSettings
    put: Callable[[str, Report], None]
    """Source and status: sends it, and returns at once. The source is one of `settings.sources`. Where no Workflow bears a mark
    (`uid` is empty) nothing is marked, and with `unsure` the host is asked before it is told."""
    close: Callable[[Sequence[Closure]], None] = lambda _: None
    """Fate of requests: the runs of closed ones are stopped. Returns at once."""


class Companion(Protocol):
    """Runs in a thread of its own while this instance leads, however the reports go."""

    @property
    def name(self) -> str:
        """Of the thread."""

    def run(self, hands: Hands, ended: threading.Event) -> None:
        """Act until `ended`. It keeps its own troubles and raises nothing: one that fails stops nobody else."""

    def warnings(self) -> Sequence[str]:
        """Troubles that it has now, one line each. Any thread asks."""

    def metrics(self) -> Iterable[Metric]:
        """Its metrics now. Any thread asks."""
