"""The offline run: one event through the dependencies that it would reach, by the programs that the Sensor runs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensors.dependencies import Dependency
from sensors.fan_out import is_fan_out, runs_of
from triggers.words import PREFIX

__all__ = ["Outcome", "decide", "reached"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one dependency to one event, for one pipeline."""

    dependency: Dependency
    pipeline: str
    verdict: str
    reason: str
    action: str
    workflow: Mapping[str, Any] | None
    """The run; None unless the action is run."""
    beside: tuple[Mapping[str, Any], ...] = ()
    """Objects that its other triggers create."""
    fan_out: Mapping[str, Any] | None = None
    """The Workflow that the trigger creates in place of several runs, and that starts them; None = the trigger creates the run."""


def reached(dependencies: Sequence[Dependency], event_source: str, event_name: str) -> list[Dependency]:
    """The dependencies that an event on the bus reaches: an exact match of source and name."""
    return [
        each for each in dependencies if (each.event_source, each.event_name) == (event_source, event_name)
    ]


def decide(
    dependency: Dependency, context: Mapping[str, str], data: str, files: Sequence[str] | None = None
) -> tuple[Outcome, ...]:
    """Run one dependency and, if it passes, its trigger.

    Args:
        dependency: Which the event reaches.
        context: The event's `id` and `time`.
        data: The event's data as JSON text.
        files: The changed files, complete; None = what the payload lists.

    Returns:
        One outcome for each pipeline that the event is about; none where the dependency's table has no line for it.
    """
    decision: Mapping[str, Any] = {
        "action": "run",
        "verdict": "run",
        "reason": "MATCH",
        "pipeline": dependency.pipelines[0],
    }
    if dependency.program is not None:
        decision = dependency.program.decide(data, files)
    # The Sensor's only filter: hookline.action matches ^run$.
    runs = decision["action"] == "run"
    created = (
        [each.of(context, {"hookline": decision}) for each in dependency.triggers.values()] if runs else []
    )
    return tuple(_outcomes(dependency, decision, created))


def _outcomes(
    dependency: Dependency, decision: Mapping[str, Any], created: Sequence[Mapping[str, Any]]
) -> Iterator[Outcome]:
    judged: Sequence[Mapping[str, Any]] = decision.get("decided") or (
        [decision] if "pipeline" in decision else []
    )
    fan_out = created[0] if created and is_fan_out(created[0]) else None
    started = runs_of(fan_out) if fan_out is not None else created[:1]
    by_pipeline: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for workflow in started:
        # A schedule's Workflow is that of the dependency's one pipeline.
        name = workflow["metadata"]["labels"].get(f"{PREFIX}pipeline", dependency.pipelines[0])
        by_pipeline[name].append(workflow)
    for each in judged:
        # A pipeline that several branches of one delivery start has a run for each, in their order.
        runs = by_pipeline.get(each["pipeline"], [])
        run = runs.pop(0) if runs and each["action"] == "run" else None
        yield Outcome(
            dependency=dependency,
            pipeline=each["pipeline"],
            verdict=each["verdict"],
            reason=each["reason"],
            action=each["action"],
            workflow=run,
            beside=tuple(created[1:]) if run is not None else (),
            fan_out=fan_out if run is not None else None,
        )
