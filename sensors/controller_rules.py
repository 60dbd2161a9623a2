"""Rules of the Sensor controller: what it refuses, and what it accepts although the trigger would then never work.

Encoded from argo-events 1.9.11 (as in 1.9.10) pkg/reconciler/sensor/validate.go; what that does not check (conditions, names,
destinations, programs) fails at run time without a word, so it is checked here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from events.environment import LIMIT_BYTES, environment_bytes

__all__ = ["sensor_problems"]

_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EXPR_WORDS = {
    "and",
    "or",
    "not",
    "in",
    "matches",
    "contains",
    "true",
    "false",
    "nil",
    "let",
    "if",
    "else",
    "map",
    "filter",
    "all",
    "any",
    "one",
    "none",
    "len",
    "count",
}
_SELECTORS = {"contextKey", "contextTemplate", "dataKey", "dataTemplate"}


def sensor_problems(manifest: Mapping[str, Any], *, one_dependency_per_event: bool = False) -> list[str]:
    """Reasons for which the controller would refuse a Sensor, or one of its triggers would never fire.

    Args:
        manifest: The Sensor.
        one_dependency_per_event: NATS Streaming takes one dependency per source and event.
    """
    return list(_problems(manifest, one_dependency_per_event=one_dependency_per_event))


def _problems(manifest: Mapping[str, Any], *, one_dependency_per_event: bool) -> Iterator[str]:
    spec = manifest["spec"]
    dependencies, triggers = spec.get("dependencies") or [], spec.get("triggers") or []
    if not dependencies:
        yield "no event dependencies found"
    if not triggers:
        yield "no triggers found"
    names = [dependency.get("name") for dependency in dependencies]
    for dependency in dependencies:
        yield from (f"dependency {dependency.get('name')}: {problem}" for problem in _dependency(dependency))
    spelled = [str(name).replace("-", "_") for name in names]
    if len(set(spelled)) != len(spelled):
        yield "two dependencies have the same name once - is read as _: the later one would win"
    events = [(dependency.get("eventSourceName"), dependency.get("eventName")) for dependency in dependencies]
    if one_dependency_per_event and len(set(events)) != len(events):
        yield "two dependencies on the same source and event: NATS Streaming refuses them"
    trigger_names = [trigger.get("template", {}).get("name") for trigger in triggers]
    if len(set(trigger_names)) != len(trigger_names):
        yield "duplicate trigger name"
    for trigger in triggers:
        yield from (
            f"trigger {trigger['template'].get('name')}: {problem}" for problem in _trigger(trigger, names)
        )
    if environment_bytes(dict(manifest)) >= LIMIT_BYTES:
        yield "the object does not fit into its pod's environment"


def _dependency(dependency: Mapping[str, Any]) -> Iterator[str]:
    for key in ("name", "eventSourceName", "eventName"):
        if not dependency.get(key):
            yield f"must define {key}"
    name = str(dependency.get("name"))
    if not _IDENTIFIER.fullmatch(name) or name in _EXPR_WORDS:
        yield "the name cannot stand in conditions"
    for item in dependency.get("filters", {}).get("data", []):
        if not item.get("path") or not item.get("type") or not item.get("value") or "" in item["value"]:
            yield "a data filter needs path, type and values that are not empty"
        if any(not isinstance(value, str) for value in item.get("value", [])):
            yield "values of a data filter are strings"
        if any(not (value.startswith("^") and value.endswith("$")) for value in item.get("value", [])):
            yield "a value that is not anchored matches everywhere in the text"


def _as_evaluated(name: Any) -> str:
    """Conditions are evaluated with _ for - (argo-events pkg/sensors/listener.go)."""
    return str(name).replace("-", "_")


def _trigger(trigger: Mapping[str, Any], dependencies: list[Any]) -> Iterator[str]:
    template = trigger.get("template") or {}
    if not template.get("name"):
        yield "trigger must define a name"
    conditions = str(template.get("conditions")).partition(" //")[0]
    if _as_evaluated(conditions) not in map(_as_evaluated, dependencies):
        yield "conditions name no dependency: the trigger would be dead while the Sensor runs"
    k8s = template.get("k8s") or {}
    resource = k8s.get("source", {}).get("resource")
    if not resource or not resource.get("kind") or not resource.get("apiVersion"):
        yield "k8s trigger does not contain an absolute action"
        return
    if k8s.get("operation", "create") not in {"create", "patch", "update", "delete"}:
        yield f"unknown operation type {k8s.get('operation')}"
    for parameter in k8s.get("parameters", []):
        source = parameter.get("src") or {}
        if not parameter.get("dest") or not source.get("dependencyName"):
            yield "a parameter needs src.dependencyName and dest"
        if source.get("dependencyName") not in dependencies:
            yield f"parameter {parameter.get('dest')}: no dependency {source.get('dependencyName')}: it would be skipped"
        if len(_SELECTORS & source.keys()) != 1:
            yield f"parameter {parameter.get('dest')}: one selector is needed, or the whole event is written"
    dead_letter = trigger.get("dlqTrigger")
    if dead_letter is not None and not (trigger.get("atLeastOnce") and dead_letter.get("atLeastOnce")):
        yield "atLeastOnce must be true for the trigger and its dlqTrigger"
    if trigger.get("retryStrategy") and not trigger.get("atLeastOnce"):
        yield "without atLeastOnce nothing is retried"
