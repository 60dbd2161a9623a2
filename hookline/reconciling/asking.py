"""The runs that a message asks for, in few words, and the memory of them: deciding an event costs milliseconds, and rounds see it again."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bus.stream import StreamState
from hookline.answers.simulation import Result
from hookline.plan.planning import Plan
from triggers.words import PREFIX

__all__ = ["Asked", "Memory", "asked", "key_of"]

_LINES = {"push", "pull_request"}
"""Kinds of events of which a newer one makes an older one old."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that an event asks for."""

    pipeline: str
    namespace: str
    name: str
    identity: str
    sensor: str
    dependency: str
    commit: str
    line: str | None
    reference: Mapping[str, Any]
    """Of its template."""
    strategy: Mapping[str, Any]
    """The ttlStrategy of its Workflow."""
    suspended_until: datetime.datetime | None
    fan_out: str | None
    """Name of the fan-out that starts it; None = its Sensor creates it."""

    @property
    def key(self) -> tuple[str, str]:
        """Pipeline and event: the same under every configuration."""
        return self.pipeline, self.identity


def asked(plan: Plan, result: Result) -> Asked | None:
    """The run of an answer; None if it starts none."""
    workflow = result.workflow
    if workflow is None or result.sensor is None or result.trigger is None:
        return None
    labels, annotations = workflow["metadata"]["labels"], workflow["metadata"]["annotations"]
    kind = labels[f"{PREFIX}event-kind"]
    reference = annotations.get(f"{PREFIX}ref") or ""
    suspended = plan.suspended(result.pipeline)
    return Asked(
        pipeline=result.pipeline,
        namespace=result.namespace,
        name=workflow["metadata"]["name"],
        identity=key_of(result)[1],
        sensor=result.sensor,
        dependency=result.trigger,
        commit=annotations.get(f"{PREFIX}sha") or "",
        line=f"{kind} {reference}" if kind in _LINES and reference else None,
        reference=workflow["spec"].get("workflowTemplateRef") or {},
        strategy=workflow["spec"].get("ttlStrategy") or {},
        suspended_until=None
        if suspended is None
        else datetime.datetime.fromtimestamp(suspended, datetime.UTC),
        fan_out=None if result.fan_out is None else str(result.fan_out["metadata"]["name"]),
    )


def key_of(result: Result) -> tuple[str, str]:
    """Pipeline and event of an answer that starts a run."""
    if result.workflow is None:
        raise ValueError("a result without a run")
    return result.pipeline, str(result.workflow["metadata"]["labels"][f"{PREFIX}event"])


@dataclass(slots=True)
class Memory:
    """The runs that messages ask for by one declaration, over the rounds of one process."""

    stream: datetime.datetime | None = None
    """Creation of the stream to which the places belong."""
    runs: dict[int, tuple[Asked, ...] | None] = field(default_factory=dict)
    """Place → the runs; None if nobody can read the message."""

    def look_at(self, state: StreamState) -> None:
        """Forget another stream, and what this one has dropped."""
        if state.created != self.stream:
            self.stream = state.created
            self.runs.clear()
        for place in [each for each in self.runs if each < state.first_sequence]:
            del self.runs[place]

    def keep_from(self, first: int) -> None:
        """Forget messages before this place."""
        for place in [each for each in self.runs if each < first]:
            del self.runs[place]
