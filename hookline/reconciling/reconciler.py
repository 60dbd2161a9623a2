"""The reconciler: reads the bus and the cluster, and creates what was lost. Of this package, this module alone asks anybody."""

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from apiserver.connection import Connection, Refused
from apiserver.resources import Resources
from bus.reader import BusReader
from bus.stream import Message, StreamState
from events.delivery import DeliveryError
from events.event_files import searchable
from hookline.answers.arrivals import read_event, subjects
from hookline.answers.simulation import Result, simulate
from hookline.plan.planning import Plan
from hookline.reconciling.asking import Asked, Memory, asked, key_of
from hookline.reconciling.decisions import (
    Due,
    Evidence,
    Finding,
    applied_since,
    carries,
    judge,
    kept_seconds,
    tolerance,
)
from runs.existing import existing_runs
from triggers.words import PREFIX

__all__ = ["Changed", "Examined", "Made", "Reconciler"]

API = "argoproj.io/v1alpha1"
MANAGER = "hookline-reconcile"
CREATED_BY = f"{PREFIX}created-by"
"""Annotation of a Workflow that was created here."""
_COMMIT = re.compile(rb"(?<![0-9a-f])[0-9a-f]{40}(?:[0-9a-f]{24})?(?![0-9a-f])")
_ENDED = frozenset({"WorkflowSucceeded", "WorkflowFailed", "WorkflowTimedOut"})
"""Reasons of the Events that the workflow-controller writes when a run ends (argo-workflows workflow/controller/operator.go)."""


class Changed(Exception):
    """The Sensors were changed while the bus was read, so nothing that was found holds."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The runs of a time, each judged."""

    state: StreamState
    begin: datetime.datetime
    """From which time on events were read."""
    events: int
    """How many of them."""
    unreadable: int
    findings: tuple[Finding, ...]
    """One a run, in the order of the events."""
    versions: Mapping[str, str]
    """Sensor → its version when it was looked at."""

    @property
    def complete(self) -> bool:
        """Whether the bus still has every event of the time."""
        return self.state.begins <= self.begin


@dataclass(frozen=True, slots=True)
class Made:
    """One run that was to be created."""

    finding: Finding
    created: bool
    """False if somebody else has created it meanwhile, or it was refused."""
    refused: str = ""


class Reconciler:
    """One declaration, its bus and its cluster."""

    def __init__(
        self,
        plan: Plan,
        reader: BusReader,
        connection: Connection,
        resources: Resources,
        memory: Memory | None = None,
    ) -> None:
        """Work with these; whoever examines again and again keeps the memory of the plan."""
        self._plan = plan
        self._memory = memory or Memory()
        self._reader = reader
        self._connection = connection
        self._resources = resources
        self._templates: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._dependencies = {
            (sensor.name, each.name): (sensor, each)
            for sensor in plan.sensors
            for each in sensor.dependencies
        }

    def examine(
        self, since: datetime.timedelta, grace: datetime.timedelta, *, skip_superseded: bool = False
    ) -> Examined:
        """Which runs exist, which were lost, and of which nobody can say it. Nothing is changed.

        Args:
            since: How far back events are looked at.
            grace: How long a Sensor may take to create a Workflow.
            skip_superseded: Whether runs of commits that are old by now stay away.

        Raises:
            BusError: The bus cannot be read.
            UnknownKind, Refused, Unreachable: The API server cannot be asked.
        """
        # Before the bus is read: a declaration that is applied meanwhile is seen by its new versions.
        sensors = self._sensors()
        now = self._connection.now()
        state = self._reader.state()
        self._memory.look_at(state)
        allowed = tolerance(state.now, now)
        begin = (state.now or now) - since
        dues: dict[tuple[str, str], Due] = {}
        events = unreadable = 0
        first = state.last_sequence + 1
        for message in self._reader.messages(subjects(self._plan), begin, state.last_sequence):
            first, events = min(first, message.sequence), events + 1
            runs = self._runs(message)
            unreadable += runs is None
            for run in runs or ():
                self._note(dues, message, run)
        self._memory.keep_from(first)
        applied = {
            place: applied_since(sensors[place[0]])
            for place, (sensor, dependency) in self._dependencies.items()
            if place[0] in sensors and carries(sensors[place[0]], self._plan, sensor, dependency)
        }
        # After the bus was read: what a Sensor has created of it is there by now.
        existing, fan_outs = self._existing()
        evidence = Evidence(self._connection.now(), allowed, existing, fan_outs, frozenset(), applied)
        found = judge(dues.values(), evidence, grace, skip_superseded=skip_superseded)
        lost = [each.due for each in found if each.code == "LOST"]
        if lost:
            self._look_back(lost, state.first_sequence, first - 1)
            evidence = replace(evidence, ended=self._ended(lost))
            found = judge(dues.values(), evidence, grace, skip_superseded=skip_superseded)
        versions = {name: str(each["metadata"]["resourceVersion"]) for name, each in sensors.items()}
        return Examined(state, begin, events, unreadable, tuple(found), versions)

    def create(self, examined: Examined) -> Iterator[Made]:
        """Create what was lost, the oldest event first.

        The messages are read again, so that only one Workflow at a time is held. A Workflow has the name that its Sensor gives it: whoever comes
        second finds it there.

        Raises:
            Changed: The Sensors are other ones by now.
            BusError, UnknownKind, Unreachable: As examine().
        """
        lost = {each.due.key: each for each in examined.findings if each.code == "LOST"}
        if not lost:
            return
        current = {name: each["metadata"]["resourceVersion"] for name, each in self._sensors().items()}
        if current != dict(examined.versions):
            raise Changed("the Sensors were changed while the bus was read; nothing was created")
        places = {each.due.deliveries[0][0] for each in lost.values()}
        fan_outs: dict[str, Made] = {}
        for message in self._reader.messages(subjects(self._plan), min(places), max(places)):
            if message.sequence not in places:
                continue
            for result in self._results(message) or ():
                finding = lost.pop(key_of(result), None)
                if finding is None or result.workflow is None:
                    continue
                if result.fan_out is None:
                    yield self._created(finding, result.workflow)
                    continue
                # The fan-out starts all of its runs, at their pace.
                name = str(result.fan_out["metadata"]["name"])
                if name not in fan_outs:
                    fan_outs[name] = self._created(finding, result.fan_out)
                yield replace(fan_outs[name], finding=finding)

    def _created(self, finding: Finding, workflow: Mapping[str, Any]) -> Made:
        metadata = dict(workflow["metadata"])
        metadata["annotations"] = {**metadata.get("annotations", {}), CREATED_BY: "reconcile"}
        try:
            self._resources.create({**workflow, "metadata": metadata}, MANAGER)
        except Refused as refused:
            if refused.status == 409:
                return Made(finding, created=False)
            return Made(finding, created=False, refused=str(refused))
        return Made(finding, created=True)

    def _existing(self) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
        """Pipeline and event of the runs that are there, and the names of the fan-outs."""
        places = dict.fromkeys(
            (*self._plan.namespaces, *([self._plan.namespace] if self._plan.fans_out else []))
        )
        found = existing_runs(self._resources, places)
        fan_outs = {
            each.name
            for (pipeline, _), each in found.items()
            if not pipeline and each.namespace == self._plan.namespace
        }
        return frozenset(found), frozenset(fan_outs)

    def _sensors(self) -> dict[str, dict[str, Any]]:
        wanted = {each.name for each in self._plan.sensors}
        found = self._resources.all_of(API, "Sensor", self._plan.namespace)
        return {each["metadata"]["name"]: each for each in found if each["metadata"]["name"] in wanted}

    def _results(self, message: Message) -> list[Result] | None:
        """The answers that start a run; None if nobody can read the message."""
        try:
            found = simulate(self._plan, read_event(message))
        except DeliveryError:
            return None
        return [each for each in found.results if each.workflow is not None]

    def _runs(self, message: Message) -> tuple[Asked, ...] | None:
        """The runs that a message asks for; None if nobody can read it."""
        runs = self._memory.runs
        if message.sequence not in runs:
            results = self._results(message)
            found = [asked(self._plan, each) for each in results or ()]
            runs[message.sequence] = None if results is None else tuple(each for each in found if each)
        return runs[message.sequence]

    def _note(self, dues: dict[tuple[str, str], Due], message: Message, run: Asked) -> None:
        """Remember that a message asks for a run."""
        if run.key not in dues:
            dues[run.key] = Due(
                pipeline=run.pipeline,
                namespace=run.namespace,
                name=run.name,
                identity=run.identity,
                sensor=run.sensor,
                dependency=run.dependency,
                commit=run.commit,
                line=run.line,
                kept=kept_seconds({"ttlStrategy": run.strategy}, self._template(run)),
                suspended_until=run.suspended_until,
                fan_out=run.fan_out,
            )
        dues[run.key].deliveries.append((message.sequence, message.time))

    def _template(self, run: Asked) -> Mapping[str, Any]:
        """Spec of the template that a run refers to, as the cluster has it; asked once."""
        reference = run.reference
        cluster_scope = bool(reference.get("clusterScope"))
        namespace = "" if cluster_scope else run.namespace
        key = namespace, str(reference.get("name", ""))
        if key not in self._templates:
            kind = "ClusterWorkflowTemplate" if cluster_scope else "WorkflowTemplate"
            found = self._resources.read(API, kind, *key)
            self._templates[key] = (found or {}).get("spec") or {}
        return self._templates[key]

    def _look_back(self, lost: Iterable[Due], first: int, last: int) -> None:
        """Look for deliveries of the same events before the time that was asked for: their Workflow may have come and gone."""
        dues = {each.key: each for each in lost}
        wanted = {each.commit.removeprefix("sha256:").encode() for each in dues.values()}
        for message in self._reader.messages(subjects(self._plan), first, last) if first <= last else ():
            # Reading a message costs a hundred times as much as looking for commits in it.
            if b"" not in wanted and wanted.isdisjoint(_COMMIT.findall(searchable(message.data))):
                continue
            for result in self._results(message) or ():
                due = dues.get(key_of(result))
                if due is not None and due.earlier is None:
                    due.earlier = message.time

    def _ended(self, lost: Iterable[Due]) -> frozenset[tuple[str, str]]:
        """Namespace and name of Workflows that the cluster's Events say have ended; it keeps these for an hour, unless it is told otherwise."""
        found = set()
        for namespace in {each.namespace for each in lost}:
            for each in self._resources.all_of(
                "v1", "Event", namespace, fields="involvedObject.kind=Workflow"
            ):
                if each.get("reason") in _ENDED:
                    found.add((namespace, str(each["involvedObject"].get("name"))))
        return frozenset(found)
