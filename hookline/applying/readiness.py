"""Readiness: what an object of Argo Events still waits for, concluded from it, the workload that its controller made, and its pods' logs."""

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["ABSENT", "SELECTED_BY", "subscriptions", "waits_for"]

SELECTED_BY = {"EventBus": "owner-name", "EventSource": "eventsource-name", "Sensor": "sensor-name"}
"""Kind → the label by which its workloads and pods are found (argo-events pkg/apis/events/v1alpha1/const.go)."""

ABSENT = "it does not exist"
"""The words for an object that is not there."""

_CARRIED = ("EVENTSOURCE_OBJECT", "SENSOR_OBJECT")
_TRANSIENT = ("EventBusNotReady", "GetEventBusFailed")
"""Reasons that pass by themselves once the bus is there."""


def waits_for(live: Mapping[str, Any] | None, workloads: Collection[Mapping[str, Any]]) -> str | None:
    """The words for what an object waits for; None if it is ready.

    Args:
        live: The object, or None if there is none. Kinds that no controller runs are ready as soon as they are there.
        workloads: The Deployments and StatefulSets of its controller.
    """
    if live is None:
        return ABSENT
    if live["kind"] not in SELECTED_BY:
        return None
    conditions = (live.get("status") or {}).get("conditions") or []
    if not conditions:
        return "no controller has seen it yet; does Argo Events run, and does it watch this namespace?"
    for each in conditions:
        if each["status"] != "True" and each.get("reason") not in _TRANSIENT:
            why = ": ".join(text for text in (each.get("reason"), each.get("message")) if text)
            return f"{each['type']} is {each['status']}" + (f" ({why})" if why else "")
    if any(each["status"] != "True" for each in conditions):
        return "the bus is not ready"
    if not workloads:
        return "its controller has made no pods yet"
    for each in workloads:
        if not _carries(each, live):
            return "its controller has not yet handed the change to its pods"
        if waiting := _rollout(each):
            return waiting
    return None


def subscriptions(live: Mapping[str, Any], log: str) -> Collection[str]:
    """The triggers of a Sensor of which the log of its pod does not say that they subscribe (argo-events pkg/sensors/listener.go)."""
    names = [each["template"]["name"] for each in live["spec"]["triggers"]]
    return [name for name in names if f"started subscribing to events for trigger {name} " not in log]


def _rollout(workload: Mapping[str, Any]) -> str | None:
    metadata, spec, status = workload["metadata"], workload["spec"], workload.get("status") or {}
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < metadata.get("generation", 1):
        return "its new pods are not made yet"
    if status.get("updatedReplicas", 0) < wanted:
        return f"{status.get('updatedReplicas', 0)} of {wanted} pods are new"
    ready = min(status.get("readyReplicas", 0), status.get("availableReplicas", wanted))
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    if status.get("replicas", wanted) > wanted:
        return "an old pod has not ended"
    return None


def _carries(workload: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether pods of a workload get the object as it is now; for a bus there is nothing to carry."""
    for container in workload["spec"]["template"]["spec"]["containers"]:
        for variable in container.get("env") or []:
            if variable["name"] in _CARRIED:
                try:
                    carried = json.loads(base64.b64decode(variable["value"]))
                except (binascii.Error, ValueError, KeyError):
                    return False
                return _essence(carried.get("spec") or {}) == _essence(live["spec"])
    return True


def _essence(spec: Mapping[str, Any]) -> tuple[object, ...]:
    """The parts of a spec that tell its edits apart; Go writes a spec again without its empty fields."""
    return (
        {each["name"]: (each.get("transform") or {}).get("jq") for each in spec.get("dependencies") or []},
        [
            (each["template"]["name"], each["template"].get("conditions"), _resource(each))
            for each in spec.get("triggers") or []
        ],
        {kind: sorted(spec[kind]) for kind in ("github", "webhook", "calendar") if spec.get(kind)},
    )


def _resource(trigger: Mapping[str, Any]) -> Any:
    return ((trigger["template"].get("k8s") or {}).get("source") or {}).get("resource")
