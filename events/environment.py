"""The environment string in which an EventSource or Sensor reaches its pod, and how much fits into it."""

import json
from typing import Any, Literal

__all__ = ["LIMIT_BYTES", "environment_bytes", "fits", "go_json_bytes", "usable_json_bytes"]

LIMIT_BYTES = 131_072
"""Linux refuses NAME=value of this many bytes, its NUL included ("Argument list too long", MAX_ARG_STRLEN)."""

KEPT_FREE = 0.08
"""Part of the room that stays free: the controller adds fields of its own, and tables grow."""

_VARIABLES = {"Sensor": "SENSOR_OBJECT=", "EventSource": "EVENTSOURCE_OBJECT="}


def go_json_bytes(value: Any) -> int:
    """Bytes of the value as Go's encoding/json writes it: <, >, & and the line separators take six bytes each."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    escaped = sum(text.count(character) for character in "<>&")
    separators = text.count("\u2028") + text.count("\u2029")
    return len(text.encode()) + 5 * escaped + 3 * separators


def environment_bytes(manifest: dict[str, Any]) -> int:
    """Bytes of NAME=value and NUL with which the controller starts the pod of a Sensor or EventSource.

    It marshals a copy that has the name, the namespace and the spec alone, and encodes that in base64 (argo-events
    pkg/reconciler/sensor/resource.go, pkg/reconciler/eventsource/resource.go): labels and annotations take no room.
    """
    place = {key: manifest["metadata"][key] for key in ("name", "namespace")}
    metadata = {**place, "creationTimestamp": None}
    size = go_json_bytes({"metadata": metadata, "spec": manifest["spec"], "status": {}})
    return len(_VARIABLES[manifest["kind"]]) + 4 * -(-size // 3) + 1


def fits(manifest: dict[str, Any]) -> bool:
    """Whether the object leaves the room free that it should."""
    return environment_bytes(manifest) <= int((LIMIT_BYTES - 1) * (1 - KEPT_FREE))


def usable_json_bytes(kind: Literal["Sensor", "EventSource"]) -> int:
    """JSON bytes that an object may have."""
    return (int((LIMIT_BYTES - 1) * (1 - KEPT_FREE)) - len(_VARIABLES[kind]) - 1) // 4 * 3
