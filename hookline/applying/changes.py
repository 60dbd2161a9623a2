"""Changes: what an apply would do to each object, and the text of the difference."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hookline.applying.managed_fields import adopted, taken_from, without_fields
from hookline.applying.object_name import ObjectName
from hookline.output import yaml_text

__all__ = ["Action", "Change", "compared", "difference", "essence", "in_order", "stage"]

Action = Literal["create", "configure", "unchanged", "delete", "keep"]

_OF_THE_SERVER = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")

_STAGES: tuple[Collection[str], ...] = (
    ("Namespace",),
    (
        "ServiceAccount",
        "Secret",
        "ConfigMap",
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        # Of fan-outs: where a Sensor is there before it, it starts Workflows that fail at once.
        "WorkflowTemplate",
    ),
    ("CronWorkflow", "EventBus"),
    ("Sensor",),
)
"""Kinds in the order in which they are applied; all others come last.

The bus comes before its clients, which crash without it. Sensors come before event sources: a Sensor subscribes from now on, so what an
event source published before that would start nothing. CronWorkflows come before Sensors: where a schedule moves from the calendar to a
CronWorkflow, or back, both fire it for a while, so that a fire time may start two runs and is never left out.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """The effect of an apply on one object."""

    name: ObjectName
    action: Action
    before: Mapping[str, Any] | None = None
    """The object in the cluster, without what only the API server writes."""
    after: Mapping[str, Any] | None = None
    reason: str = ""
    """For `keep`: why it is not deleted."""
    conflicts: tuple[str, ...] = ()
    """Managers that own fields which this changes."""
    adopts: bool = False
    """Whether kubectl owns fields of the object, which are taken over first."""


def stage(kind: str) -> int:
    """Place of a kind in the order of applying."""
    return next((place for place, kinds in enumerate(_STAGES) if kind in kinds), len(_STAGES))


def in_order(names: Iterable[ObjectName]) -> list[ObjectName]:
    """Names in the order of applying: by stage, and within a stage as they come; deleting takes the reverse.

    The order of a plan counts: Kubernetes deletes a token's Secret whose ServiceAccount is not there yet.
    """
    return sorted(names, key=lambda each: stage(each.kind))


def essence(live: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what only the API server writes."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in _OF_THE_SERVER}
    kept = {key: value for key, value in live.items() if key not in ("metadata", "status")}
    order = ("apiVersion", "kind")
    return {key: kept[key] for key in order if key in kept} | {"metadata": metadata} | kept


def compared(
    name: ObjectName,
    live: Mapping[str, Any] | None,
    applied: Mapping[str, Any],
) -> Change:
    """The change of one object: the live one beside what the API server answered to a trial."""
    after = essence(without_fields(live, applied) if live is not None else applied)
    if live is None:
        return Change(name, "create", None, after)
    before = essence(live)
    action: Action = "unchanged" if before == after else "configure"
    conflicts = tuple(taken_from(live, applied)) if action == "configure" else ()
    return Change(name, action, before, after, conflicts=conflicts, adopts=adopted(live) is not None)


def difference(change: Change) -> Iterator[str]:
    """Lines of a unified diff, as `kubectl diff` prints them; nothing for what stays."""
    if change.action not in ("create", "configure", "delete"):
        return
    before, after = (_lines(each) for each in (change.before, change.after))
    where = f"{change.name.namespace or '-'}/{change.name}"
    yield from difflib.unified_diff(before, after, f"cluster/{where}", f"declaration/{where}", lineterm="")


def _lines(value: Mapping[str, Any] | None) -> list[str]:
    """YAML lines; of a Secret, values are not shown."""
    if value is None:
        return []
    if value.get("kind") == "Secret":
        value = {
            **value,
            **{key: dict.fromkeys(value[key], "***") for key in ("data", "stringData") if value.get(key)},
        }
    return yaml_text(_plain(value)).splitlines()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
