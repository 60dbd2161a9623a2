"""The rules of the controllers, applied to everything that is about to be printed: a broken one is a fault of hookline's."""

from typing import Any

from events.controller_rules import event_bus_problems, event_source_problems
from hookline.plan.objects import objects
from hookline.plan.planning import Plan
from sensors.controller_rules import sensor_problems

__all__ = ["BrokenRules", "checked_objects", "object_problems"]


class BrokenRules(Exception):
    """Objects that the controllers would refuse, or leave dead; the text says which, one sentence a line."""


def checked_objects(plan: Plan) -> list[dict[str, Any]]:
    """Every object of a plan, in the order in which kubectl should apply them.

    Raises:
        BrokenRules: A controller would not take one of them.
    """
    found = objects(plan)
    if problems := [each for made in found for each in object_problems(made, on_ack_one=plan.on_ack_one)]:
        raise BrokenRules("\n".join(problems))
    return found


def object_problems(manifest: dict[str, Any], *, on_ack_one: bool = False) -> list[str]:
    """Reasons for which a controller of Argo Events would refuse an object, or the object would never work."""
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
