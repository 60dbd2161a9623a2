"""The rules of the controllers, applied to everything that is about to be printed: our own fault if one is broken."""

from typing import Any

from events.controller_rules import event_bus_problems, event_source_problems
from sensors.controller_rules import sensor_problems

__all__ = ["object_problems"]


def object_problems(manifest: dict[str, Any], *, on_ack_one: bool = False) -> list[str]:
    """Why a controller of Argo Events would refuse an object, or leave it dead."""
    match manifest["kind"]:
        case "Sensor":
            found = sensor_problems(manifest, one_dependency_per_event=on_ack_one)
        case "EventSource":
            found = event_source_problems(manifest)
        case "EventBus":
            found = event_bus_problems(manifest)
        case _:
            found = []
    return [f"{manifest['kind']} {manifest['metadata']['name']}: {problem}" for problem in found]
