"""The offline run: one event through the dependencies that it would reach, by the programs that the Sensor runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensors.dependencies import Dependency

__all__ = ["Outcome", "decide", "reached"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one dependency for one event."""

    dependency: Dependency
    pipeline: str | None
    """None where the dependency's table has no line for the event."""
    verdict: str
    reason: str
    action: str
    workflow: Mapping[str, Any] | None
    """Workflow that its trigger creates; None unless the action is run."""
    beside: tuple[Mapping[str, Any], ...] = ()
    """Objects that its other triggers create."""


def reached(dependencies: Sequence[Dependency], event_source: str, event_name: str) -> list[Dependency]:
    """The dependencies that an event on the bus reaches: an exact match of source and name."""
    return [
        each for each in dependencies if (each.event_source, each.event_name) == (event_source, event_name)
    ]


def decide(
    dependency: Dependency, context: Mapping[str, str], data: str, files: Sequence[str] | None = None
) -> Outcome:
    """Run one dependency and, if it passes, its trigger.

    Args:
        dependency: Which the event reaches.
        context: The event's `id` and `time`.
        data: The event's data as JSON text.
        files: The changed files, complete; None = what the payload lists.
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
    return Outcome(
        dependency=dependency,
        pipeline=decision.get("pipeline"),
        verdict=decision["verdict"],
        reason=decision["reason"],
        action=decision["action"],
        workflow=created[0] if runs else None,
        beside=tuple(created[1:]),
    )
