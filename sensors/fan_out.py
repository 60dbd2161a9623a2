"""Fan-outs: one event that starts several runs makes one small Workflow, whose pod starts them.

The order in its argument holds all that the runs have, so whoever works it off needs no declaration, and an edit in between changes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sensors.decision_parameters import decided_workflow
from sensors.program import Program, started
from triggers.words import FAN_OUT_LABEL, FAN_OUT_RUNS_LABEL, PREFIX

__all__ = [
    "MOST_ORDER_BYTES",
    "FanOut",
    "OrderError",
    "Pace",
    "is_fan_out",
    "pace_of",
    "run_count",
    "runs_of",
]

_RUN = decided_workflow(frozenset())

LOWERED = -1
"""Priority of runs that wait for their turn: Argo gives locks and places to higher ones first; 0 is everybody's (argo-workflows
docs/synchronization.md)."""


MOST_ORDER_BYTES = 450_000
"""Of one order, as JSON text inside JSON: Argo takes Workflows of 1 MiB and writes their arguments twice (seen on workflow-controller 3.7.18: 500,000 bytes
ran, 530,000 ended in "workflow is longer than maximum allowed size")."""


class OrderError(ValueError):
    """A Workflow holds no order that can be read."""


def _time(seconds: int) -> str:
    """As a declaration writes it: 90 → 1m30s."""
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


@dataclass(frozen=True, slots=True)
class Pace:
    """Speed at which the runs of one event start."""

    at_once: int
    """Runs that start together."""
    every: int
    """Seconds until the next ones; 0 = all start at once."""
    quiet: int
    """Seconds to wait for a newer event before the first ones."""

    def seconds(self, runs: int) -> int:
        """Seconds until the last of so many runs starts."""
        return self.quiet + (max(0, runs - 1) // self.at_once) * self.every

    def words(self, runs: int) -> str:
        """The start of so many runs, in words."""
        after = f"after {_time(self.quiet)} without a newer event " if self.quiet else ""
        if self.every == 0 or runs <= self.at_once:
            return f"{after}all at once"
        return f"{after}{self.at_once} at once, the next ones every {_time(self.every)}: the last after {_time(self.seconds(runs))}"

    def encode(self) -> dict[str, int]:
        """As an order has it."""
        return {"at_once": self.at_once, "every": self.every, "quiet": self.quiet}


@dataclass(frozen=True, slots=True)
class FanOut:
    """Settings of a declaration's fan-outs."""

    template: str
    """Name of the WorkflowTemplate with the pod."""
    namespace: str
    """Of the fan-outs."""
    pace: Pace
    paces: Mapping[str, Pace] = field(default_factory=dict)
    """By repository or image, where it is another one."""

    def of(self, key: str) -> Pace:
        """Speed of the runs of a repository or image start; a table may have its name in lower case."""
        named = (pace for name, pace in self.paces.items() if key in (name, name.lower()))
        return next(named, self.pace)

    def constants(self, event: str, keys: frozenset[str], parts: Mapping[str, int]) -> dict[str, Any]:
        """Constants of a program.

        Args:
            event: First part of what tells its fan-outs apart.
            keys: In its table.
            parts: Into how many tables the pipelines of a key are divided: each starts its part of `at_once`.
        """
        paces = {key: self._part(self.of(key), parts.get(key, 1)) for key in sorted(keys)}
        return {
            "template": self.template,
            "namespace": self.namespace,
            "event": event,
            "priority": LOWERED,
            "pace": self.pace.encode(),
            "paces": {key: pace.encode() for key, pace in paces.items() if pace != self.pace},
        }

    @staticmethod
    def _part(pace: Pace, parts: int) -> Pace:
        return Pace(max(1, pace.at_once // parts), pace.every, pace.quiet)


def is_fan_out(workflow: Mapping[str, Any]) -> bool:
    """Whether a Workflow starts the runs of an event, and is none itself."""
    return FAN_OUT_RUNS_LABEL in (workflow["metadata"].get("labels") or {})


def run_count(fan_out: Mapping[str, Any]) -> int:
    """Number of the runs that a fan-out starts."""
    return int(fan_out["metadata"]["labels"][FAN_OUT_RUNS_LABEL])


@cache
def _program() -> Program:
    return started()


def _order(fan_out: Mapping[str, Any]) -> str:
    try:
        parameters = fan_out["spec"]["arguments"]["parameters"]
        return next(str(each["value"]) for each in parameters if each["name"] == "order")
    except (KeyError, TypeError, StopIteration):
        raise OrderError("the Workflow has no argument order: it is no fan-out of hookline's") from None


def pace_of(fan_out: Mapping[str, Any]) -> Pace:
    """Speed at which a fan-out starts its runs.

    Raises:
        OrderError: It holds no order.
    """
    try:
        said = json.loads(_order(fan_out))["pace"]
        return Pace(int(said["at_once"]), int(said["every"]), int(said["quiet"]))
    except (ValueError, KeyError, TypeError) as error:
        raise error if isinstance(error, OrderError) else _unreadable(error) from error


def runs_of(fan_out: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The Workflows that a fan-out starts, by pipeline; as complete as the Sensor would make each by itself.

    Args:
        fan_out: The Workflow, as a trigger makes it or the API server has it.

    Raises:
        OrderError: It holds no order that can be read.
    """
    try:
        metadata = fan_out["metadata"]
        context = {key: str(metadata["annotations"][f"{PREFIX}event-{key}"]) for key in ("id", "time")}
        order = _order(fan_out)
        # What is no JSON at all would be no input for jq, and no fault either.
        json.loads(order)
        decisions = _program().ask(order, "[runs]")
        found = [_RUN.of(context, {"hookline": each}) for each in decisions]
    except (ValueError, KeyError, TypeError) as error:
        raise error if isinstance(error, OrderError) else _unreadable(error) from error
    for each in found:
        each["metadata"]["labels"][FAN_OUT_LABEL] = str(metadata["name"])
    return tuple(sorted(found, key=lambda each: str(each["metadata"]["labels"][f"{PREFIX}pipeline"])))


def _unreadable(error: Exception) -> OrderError:
    return OrderError(f"its argument order is none of hookline's: {type(error).__name__}: {error}")
