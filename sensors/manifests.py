"""Sensor objects, and whether they fit: each reaches its pod as one environment variable."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from events.environment import go_json_bytes, usable_json_bytes
from events.event_pods import pod_template
from sensors.creation import CreationMode
from sensors.dependencies import Dependency
from triggers.words import PREFIX
from triggers.workflow import digest

__all__ = ["FRAME_BYTES", "SensorPlan", "dependency_bytes", "room", "sensor_manifest"]

SENSOR_SERVICE_ACCOUNT = "hookline-sensor"

MEMORY_MIB = 128
"""Requested: a Sensor takes 92 MiB, however many pipelines it has (docs/performance.md)."""

MEMORY_A_TRIGGER_MIB = 256
"""Growth of the limit for each trigger that one event wakes: each reads the event on its own, all at once. With events of 4 MiB,
the largest there are, Sensors of 1, 3, 5 and 6 triggers took 167, 362, 492 and 535 MiB where the event is a list of long paths,
and 268, 606, 915 and 1,091 MiB where it is small values throughout (Argo Events 1.9.11). The limit is well above: an event that
ended the Sensor at its limit would be delivered again, and end it again."""


@dataclass(frozen=True, slots=True)
class SensorPlan:
    """One Sensor: its name and what it carries."""

    name: str
    dependencies: tuple[Dependency, ...]
    why: str
    """Sentence that says why this pod is needed."""

    @property
    def pipelines(self) -> frozenset[str]:
        """The pipelines that it carries."""
        return frozenset(name for each in self.dependencies for name in each.pipelines)


def _dependency(dependency: Dependency) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": dependency.name,
        "eventSourceName": dependency.event_source,
        "eventName": dependency.event_name,
    }
    if dependency.program is not None:
        found["transform"] = {"jq": dependency.program.text}
        found["filters"] = {
            "data": [{"path": "hookline.action", "type": "string", "comparator": "=", "value": ["^run$"]}]
        }
    return found


def _conditions(dependency: Dependency, mode: CreationMode) -> str:
    """The conditions of a trigger: its dependency, spelled so that an edit of the table loses no waiting event.

    A Sensor that starts with a changed dependency deletes the dependency's consumer, and all events that wait there are
    lost. We write one `-` as `_`. Evaluation treats them alike. The clean-up compares literally the names in the *former*
    conditions of a changed trigger, and finds no consumer to delete. This needs conditions that change with every change
    of the dependency, so a comment in them holds its digest (argo-events
    pkg/eventbus/jetstream/sensor/sensor_jetstream.go, pkg/sensors/listener.go; tests/cluster/test_faults.py).
    """
    if dependency.program is None or not mode.keeps_events:
        return dependency.name
    return f"{dependency.name.replace('-', '_', 1)} // {digest(_dependency(dependency), 8)}"


def _triggers(dependency: Dependency, mode: CreationMode) -> list[dict[str, Any]]:
    return [
        {
            "template": {
                "name": name,
                "conditions": _conditions(dependency, mode),
                "k8s": creation.trigger(dependency.name, mode),
            },
            "retryStrategy": dict(mode.retry),
            # Without it nothing is ever retried and the dead letter never written (argo-events pkg/sensors/listener.go).
            "atLeastOnce": True,
            "dlqTrigger": {
                "template": {"name": f"{name}-dead-letter", "log": {}},
                "atLeastOnce": True,
            },
        }
        for name, creation in dependency.triggers.items()
    ]


def _limit_mib(dependencies: tuple[Dependency, ...]) -> int:
    """MiB at which the Sensor is ended."""
    woken = Counter((each.event_source, each.event_name) for each in dependencies for _ in each.triggers)
    return 256 + MEMORY_A_TRIGGER_MIB * max(woken.values(), default=1)


def sensor_manifest(plan: SensorPlan, namespace: str, mode: CreationMode, event_bus: str) -> dict[str, Any]:
    """The Sensor object."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {
            "name": plan.name,
            "namespace": namespace,
            "annotations": {f"{PREFIX}carries": plan.why},
        },
        "spec": {
            "eventBusName": event_bus,
            "template": pod_template(SENSOR_SERVICE_ACCOUNT, MEMORY_MIB, _limit_mib(plan.dependencies)),
            "dependencies": [_dependency(each) for each in plan.dependencies],
            "triggers": [trigger for each in plan.dependencies for trigger in _triggers(each, mode)],
        },
    }


FRAME_BYTES = 1_200
"""JSON bytes that are kept for a Sensor without its dependencies and triggers: about 700, more with long names."""


def room() -> int:
    """JSON bytes that a Sensor's dependencies and triggers may take."""
    return usable_json_bytes("Sensor") - FRAME_BYTES


def dependency_bytes(dependency: Dependency, mode: CreationMode) -> int:
    """JSON bytes that one dependency with its triggers adds to a Sensor."""
    return go_json_bytes([_dependency(dependency), *_triggers(dependency, mode)])
