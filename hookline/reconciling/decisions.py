"""The rules of reconciling: whether a run that does not exist was lost. Pure; docs/reconcile.md says them in words.

Two clocks count: that of the bus, by which messages have their time, and that of the API server, by which objects have theirs and which says what
is now. Their difference is measured and allowed for on the safe side of each comparison. The clock of this machine decides nothing.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hookline.plan.planning import Plan
from sensors.dependencies import Dependency
from sensors.manifests import SensorPlan, sensor_manifest

__all__ = [
    "MEANINGS",
    "TOLERANCE",
    "Due",
    "Evidence",
    "Finding",
    "applied_since",
    "carries",
    "judge",
    "kept_seconds",
    "tolerance",
]

Code = Literal[
    "EXISTS",
    "FAN_OUT",
    "LOST",
    "WAITING",
    "NOT_APPLIED",
    "OLDER",
    "EXPIRED",
    "ENDED",
    "SUPERSEDED",
    "SUSPENDED",
]

MEANINGS: Final[Mapping[Code, str]] = {
    "EXISTS": "its Workflow is there",
    "FAN_OUT": "its fan-out is there: it starts the run, or has left it to a newer digest, or says why it could not",
    "LOST": "its Workflow should be there and is not",
    "WAITING": "the Sensor may still create its Workflow",
    "NOT_APPLIED": "the Sensor in the cluster is not that of this declaration",
    "OLDER": "it arrived before the Sensor had its present declaration, so the run may have been none of it",
    "EXPIRED": "its Workflow may have been there and may have been removed after its ttl",
    "ENDED": "its Workflow was there and had ended before it was deleted",
    "SUPERSEDED": "a newer commit of the branch or request has its Workflow",
    "SUSPENDED": "it arrived while the pipeline was suspended",
}
"""Code of a finding → what it says of an event."""

TOLERANCE: Final = datetime.timedelta(seconds=5)
"""Added to the difference of the clocks: managed fields and the API server's Date have whole seconds, and the two answers are not of one moment."""
UNKNOWN_CLOCK: Final = datetime.timedelta(seconds=60)
"""Taken for the difference where the bus does not say its time (before NATS 2.10)."""


@dataclass(slots=True)
class Due:
    """A run that the declaration asks for, with every delivery of its event that was read."""

    pipeline: str
    namespace: str
    name: str
    """Of its Workflow, the same that the Sensor gives it."""
    identity: str
    """The label `hookline.dev/event` of its Workflow."""
    sensor: str
    dependency: str
    commit: str
    """Commit or digest, by which earlier deliveries are looked for; empty if the event has none."""
    line: str | None
    """Branch or request of which a newer commit makes this one old; None for what never gets old, such as a tag."""
    kept: int | None
    """Seconds for which its Workflow stays at least; None = nobody knows."""
    suspended_until: datetime.datetime | None = None
    """The end of a suspension that the declaration names: the program asks the clock, so it says today what it did not say then."""
    deliveries: list[tuple[int, datetime.datetime]] = field(default_factory=list)
    """Sequence number and time of each that asks for the run, the oldest first."""
    fan_out: str | None = None
    """Name of the fan-out that starts it; None = its Sensor creates it."""
    earlier: datetime.datetime | None = None
    """Of the first delivery that the bus has, if it is older than these."""

    @property
    def key(self) -> tuple[str, str]:
        """Pipeline and event: the same under every configuration."""
        return self.pipeline, self.identity


@dataclass(frozen=True, slots=True)
class Evidence:
    """Knowledge of the cluster by which runs are judged."""

    now: datetime.datetime
    """By the API server's clock."""
    tolerance: datetime.timedelta
    existing: frozenset[tuple[str, str]]
    """Pipeline and event of each Workflow that is there."""
    fan_outs: frozenset[str]
    """Names of the fan-outs that are there."""
    ended: frozenset[tuple[str, str]]
    """Namespace and name of Workflows that ended, by the cluster's Events."""
    applied: Mapping[tuple[str, str], datetime.datetime | None]
    """Sensor and dependency as this declaration has them → since when at the latest; absent = the cluster has another one, None = nobody knows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The judgement on one run."""

    due: Due
    code: Code
    behind: bool = False
    """Whether a newer commit of its branch or request has its Workflow already."""


def tolerance(bus: datetime.datetime | None, api_server: datetime.datetime) -> datetime.timedelta:
    """How far times of the bus and of the API server are comparable, of what both say at the same moment."""
    return TOLERANCE + (UNKNOWN_CLOCK if bus is None else abs(bus - api_server))


def judge(
    dues: Iterable[Due], evidence: Evidence, grace: datetime.timedelta, *, skip_superseded: bool = False
) -> list[Finding]:
    """Judge each run, in the order of the events.

    Args:
        dues: The runs.
        evidence: Gathered after the bus was read: what the Sensor creates meanwhile is in it.
        grace: How long the Sensor may take.
        skip_superseded: Whether runs of old commits stay away.
    """
    ordered = sorted(dues, key=lambda due: due.deliveries[0])
    newest: dict[tuple[str, str], int] = {}
    for due in ordered:
        if due.line is not None and due.key in evidence.existing:
            newest[due.pipeline, due.line] = due.deliveries[-1][0]
    findings = []
    for due in ordered:
        code = _code(due, evidence, grace)
        behind = due.line is not None and newest.get((due.pipeline, due.line), 0) > due.deliveries[-1][0]
        if code == "LOST" and behind and skip_superseded:
            code = "SUPERSEDED"
        findings.append(Finding(due, code, behind))
    return findings


def _code(due: Due, evidence: Evidence, grace: datetime.timedelta) -> Code:
    if due.key in evidence.existing:
        return "EXISTS"
    if due.fan_out in evidence.fan_outs:
        return "FAN_OUT"
    place = due.sensor, due.dependency
    if place not in evidence.applied:
        return "NOT_APPLIED"
    since = evidence.applied[place]
    if since is None:
        return "OLDER"
    asking = [time for _, time in due.deliveries if time > since + evidence.tolerance]
    if not asking:
        return "OLDER"
    if due.suspended_until is not None:
        asking = [time for time in asking if time > due.suspended_until + evidence.tolerance]
        if not asking:
            return "SUSPENDED"
    # A Workflow that any delivery of the event made counts: it leaves when its ttl is over, and no later one has made another beside it.
    first = min([due.deliveries[0][1], *([due.earlier] if due.earlier else [])])
    if due.kept is None or evidence.now + evidence.tolerance >= first + datetime.timedelta(seconds=due.kept):
        return "EXPIRED"
    if (due.namespace, due.name) in evidence.ended:
        return "ENDED"
    if evidence.now < asking[0] + grace + evidence.tolerance:
        return "WAITING"
    return "LOST"


def kept_seconds(workflow: Mapping[str, Any], template: Mapping[str, Any]) -> int | None:
    """Seconds for which a Workflow stays at least after it has ended; None if nothing says it.

    Args:
        workflow: Its spec. What it says wins.
        template: Spec of the template that it refers to, whose other fields the controller adds (argo-workflows workflow/util/merge.go).
    """
    strategy = {**(template.get("ttlStrategy") or {}), **(workflow.get("ttlStrategy") or {})}
    return min((int(each) for each in strategy.values() if each is not None), default=None)


def carries(live: Mapping[str, Any] | None, plan: Plan, sensor: SensorPlan, dependency: Dependency) -> bool:
    """Whether the Sensor in the cluster decides and creates as this dependency of the declaration does.

    Args:
        live: The Sensor, as the API server has it.
        plan: Of the declaration.
        sensor: As it is planned.
        dependency: One of the planned ones.
    """
    if live is None or "deletionTimestamp" in live["metadata"]:
        return False
    alone = SensorPlan(sensor.name, (dependency,), sensor.why)
    bus = plan.declaration.cluster.event_bus.name
    wanted = sensor_manifest(alone, plan.namespace, plan.creation_mode, bus)["spec"]
    found = live.get("spec") or {}
    return (
        all(each in (found.get(part) or ()) for part in ("dependencies", "triggers") for each in wanted[part])
        and found.get("eventBusName") == bus
    )


def applied_since(live: Mapping[str, Any]) -> datetime.datetime | None:
    """The latest time at which anybody changed the spec of an object; None if the API server does not know it.

    An apply that changes nothing leaves this time as it is (Kubernetes API reference, ManagedFieldsEntry).
    """
    metadata = live["metadata"]
    entries = [
        each
        for each in metadata.get("managedFields") or ()
        if "f:spec" in (each.get("fieldsV1") or {}) and not each.get("subresource")
    ]
    if not entries or any("time" not in each for each in entries):
        return None
    times = [str(each["time"]) for each in entries]
    return max(map(datetime.datetime.fromisoformat, [*times, str(metadata["creationTimestamp"])]))
