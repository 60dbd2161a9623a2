"""Reporter: what a host should know of each Workflow, against what its mark says that the host knows. The difference is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runs.objects import Workflow
from runs.reports.host_api import HostApi
from runs.reports.marks import Mark, mark_of
from runs.reports.run_details import details_of
from runs.reports.status import Report, Status, deleted, status_of

__all__ = ["DEFAULT_CONTEXT", "Naming", "Reporter"]

DEFAULT_CONTEXT = "hookline/{pipeline}"
TOO_OLD_SECONDS = 24 * 3600.0
"""A run that ended longer ago without a mark is not reported any more: it ended before anybody reported, or a day of trying was in vain."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of statuses, and the pages to which they lead."""

    context: str = DEFAULT_CONTEXT
    """Pattern of a context: {pipeline}, {event}, {source}."""
    link: str = ""
    """Pattern of the page of a run: {namespace}, {workflow}, {pipeline}; empty for none."""

    def context_of(self, workflow: Workflow) -> str:
        """The context of a Workflow."""
        return self.context_named(workflow.pipeline, workflow.event, workflow.source)

    def context_named(self, pipeline: str, event: str, source: str) -> str:
        """The context of the runs of a pipeline and kind of event of a source."""
        return _filled(self.context, {"pipeline": pipeline, "event": event, "source": source})

    def link_of(self, workflow: Workflow) -> str:
        """The page of a Workflow."""
        words = {
            "pipeline": workflow.pipeline,
            "namespace": workflow.namespace,
            "workflow": workflow.name,
        }
        return _filled(self.link, words)


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern


@dataclass(slots=True)
class _Run:
    key: tuple[str, str, str]
    created: float
    open: Workflow | None
    """Last state of one that has not ended; None after its end."""
    told: str = ""
    """Last status that was sent: a state, and the end that it tells of."""


class Reporter:
    """Everything that is reported. One thread calls it."""

    def __init__(
        self,
        apis: Mapping[str, HostApi],
        send: Callable[[str, Report], None],
        naming: Naming | None = None,
    ) -> None:
        """Begin with nothing seen.

        Args:
            apis: Source → the kind of its host. Runs of other sources are not reported.
            send: Source and status: sends it, and returns at once.
            naming: Names and links.
        """
        self._apis, self._send, self._naming = apis, send, naming or Naming()
        self._runs: dict[str, _Run] = {}
        self._sharing: dict[tuple[str, str, str], dict[str, float]] = {}
        """Commit and context → uid → creation of the Workflows that give it this status."""
        self._held: dict[str, Workflow] | None = {}
        """Workflows that were seen before all were listed: which of several is the newest is not known before."""

    def changed(self, workflow: Workflow, now: float) -> None:
        """A Workflow as it is now; Unix seconds."""
        if workflow.source not in self._apis:
            return
        if not (workflow.pipeline and workflow.repository and workflow.sha):
            # A schedule builds a branch, an image push no commit at all: no commit can have the status.
            return
        status = self._status(workflow)
        run = self._runs.get(workflow.uid)
        if run is None:
            run = self._runs[workflow.uid] = _Run(status.key, workflow.created, None)
            self._sharing.setdefault(status.key, {})[workflow.uid] = workflow.created
        run.open = None if workflow.ended else workflow
        if self._held is None:
            self._report(run, workflow, status, now)
        else:
            self._held[workflow.uid] = workflow

    def gone(self, uid: str) -> None:
        """A Workflow is no longer there; its last state was given before, if it was seen."""
        run = self._runs.pop(uid, None)
        if run is None:
            return
        newest = self._is_newest(run, uid)
        sharing = self._sharing[run.key]
        del sharing[uid]
        if not sharing:
            del self._sharing[run.key]
        if run.open is not None and newest:
            naming, workflow = self._naming, run.open
            status = deleted(workflow, naming.context_of(workflow), naming.link_of(workflow))
            self._send(
                workflow.source, _report(workflow, status, mark_of(workflow), self._apis[workflow.source])
            )

    def synced(self, now: float) -> None:
        """All Workflows were given; Unix seconds."""
        held, self._held = self._held, None
        for uid, workflow in (held or {}).items():
            if (run := self._runs.get(uid)) is not None:
                self._report(run, workflow, self._status(workflow), now, unsure=True)

    def _status(self, workflow: Workflow) -> Status:
        return status_of(workflow, self._naming.context_of(workflow), self._naming.link_of(workflow))

    def _is_newest(self, run: _Run, uid: str) -> bool:
        """Whether no later Workflow gives the same commit a status of the same name."""
        mine = (run.created, uid)
        return all(mine >= (created, other) for other, created in self._sharing[run.key].items())

    def _report(
        self, run: _Run, workflow: Workflow, status: Status, now: float, *, unsure: bool = False
    ) -> None:
        api, mark = self._apis[workflow.source], mark_of(workflow)
        state = api.states[status.word]
        told = f"{state} {workflow.finished or 0:.0f}" if workflow.ended else state
        if run.told == told or mark.covers(workflow, state) or not self._is_newest(run, workflow.uid):
            return
        if workflow.ended and now - (workflow.finished or now) > TOO_OLD_SECONDS:
            return
        run.told = told
        # Whoever was here before may have been killed between the host's answer and the mark.
        self._send(workflow.source, _report(workflow, status, mark, api, unsure=unsure))


def _report(workflow: Workflow, status: Status, mark: Mark, api: HostApi, *, unsure: bool = False) -> Report:
    finished = (workflow.finished or 0.0) if workflow.ended else 0.0
    return Report(
        status,
        workflow.namespace,
        workflow.name,
        workflow.uid,
        finished,
        mark.memory,
        unsure=unsure,
        details=details_of(workflow) if api.detailed else None,
    )
