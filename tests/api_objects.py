"""Workflows of ci-go-v1, their pods and Events, as the API server gives them; and whole histories of runs."""

import copy
import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
START = 1_790_000_000
"""Unix seconds: a Monday in September 2026."""
STEPS = ("git-checkout-pr", "run-test", "build-push-image")
REQUESTS = {"git-checkout-pr": ("1", "1Gi"), "run-test": ("2", "4Gi"), "build-push-image": ("2", "4Gi")}


def at(seconds: float) -> str:
    """A Kubernetes time, whole seconds."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def workflow(uid: str, created: float, **changes: Any) -> Json:
    """A Workflow that hookline made for a push; `changes` replace labels, annotations, spec and status keys."""
    name = changes.get("name", f"shop-{uid}")
    labels = {
        "hookline.dev/pipeline": "shop",
        "hookline.dev/event-kind": "push",
        "hookline.dev/source": "github",
        "workflows.argoproj.io/phase": "Running",
    }
    annotations = {
        "hookline.dev/event-id": f"event-{uid}",
        "hookline.dev/event-time": datetime.datetime.fromtimestamp(created - 2, datetime.UTC).isoformat(),
        "hookline.dev/ref": "refs/heads/main",
        "hookline.dev/sha": "3f1c" * 10,
        "hookline.dev/actor": "alice",
        "hookline.dev/reason": "MATCH",
        "hookline.dev/delivery": f"delivery-{uid}",
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "uid": uid,
            "namespace": "ci",
            "name": name,
            "creationTimestamp": at(created),
            "labels": changes.get("labels", labels),
            "annotations": changes.get("annotations", annotations),
            "managedFields": [{"manager": "sensor"}],
        },
        "spec": {
            "workflowTemplateRef": {"name": "ci-go-v1", "clusterScope": True},
            "arguments": {"parameters": [{"name": "repo_name", "value": "shop"}]},
            **changes.get("spec", {}),
        },
        "status": {"phase": "", **changes.get("status", {})},
    }


def node(run: str, step: str, phase: str, started: float, finished: float | None = None, **more: Any) -> Json:
    """A Pod node."""
    return {
        "id": f"{run}-{step}{more.pop('attempt', '')}",
        "name": f"{run}.{step}",
        "displayName": step,
        "type": "Pod",
        "phase": phase,
        "startedAt": at(started),
        "finishedAt": None if finished is None else at(finished),
        **more,
    }


def pod(run: Json, step: str, created: float, **changes: Any) -> Json:
    """A pod of a step on ECI, pending; `changes` replace its annotations, labels and status keys."""
    name = run["metadata"]["name"]
    attempt = changes.get("attempt", "")
    uid = changes.get("uid", f"{run['metadata']['uid']}-{step}{attempt}")
    cpu, memory = REQUESTS.get(step, ("1", "1Gi"))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "uid": uid,
            "namespace": "ci",
            "name": f"{name}-{step}-{attempt}",
            "creationTimestamp": at(created),
            "ownerReferences": [{"kind": "Workflow", "name": name, "uid": run["metadata"]["uid"]}],
            "labels": {"workflows.argoproj.io/workflow": name, **changes.get("labels", {})},
            "annotations": {
                "workflows.argoproj.io/node-id": f"{name}-{step}{attempt}",
                "workflows.argoproj.io/node-name": f"{name}.{step}{attempt}",
                "k8s.aliyun.com/eci-instance-id": f"eci-{uid}",
                "k8s.aliyun.com/eci-instance-spec": "2.0-4.0Gi",
                **changes.get("annotations", {}),
            },
        },
        "spec": {
            "nodeName": "virtual-kubelet-cn-hongkong-b",
            "containers": [
                {"name": "wait", "resources": {}},
                {"name": "main", "resources": {"requests": {"cpu": cpu, "memory": memory}}},
            ],
        },
        "status": {"phase": "Pending", **changes.get("status", {})},
    }


def running(raw: Json, scheduled: float, started: float) -> Json:
    """The pod once its main container runs."""
    found = copy.deepcopy(raw)
    found["status"] |= {
        "phase": "Running",
        "startTime": at(scheduled),
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": at(scheduled)}],
        "containerStatuses": [
            {"name": "wait", "state": {"running": {"startedAt": at(started)}}},
            {"name": "main", "state": {"running": {"startedAt": at(started)}}},
        ],
    }
    return found


def ended(raw: Json, finished: float, exit_code: int = 0, reason: str = "") -> Json:
    """The running pod once its containers have ended."""
    found = copy.deepcopy(raw)
    found["status"]["phase"] = "Succeeded" if exit_code == 0 else "Failed"
    for each in found["status"]["containerStatuses"]:
        code = exit_code if each["name"] == "main" else 0
        each["state"] = {
            "terminated": {
                "exitCode": code,
                "reason": reason or ("Completed" if code == 0 else "Error"),
                "startedAt": each["state"]["running"]["startedAt"],
                "finishedAt": at(finished),
            }
        }
    return found


def bid_failed(raw: Json, when: float) -> Json:
    """The running pod once ECI has taken its instance back: containers may still look running."""
    found = copy.deepcopy(raw)
    found["status"] |= {
        "phase": "Failed",
        "reason": "BidFailed",
        "message": f"The pod is spot instance, and have been released at {at(when)[:16]}Z",
    }
    found["status"]["conditions"].append(
        {"type": "ContainerInstanceExpired", "status": "True", "lastTransitionTime": at(when)}
    )
    return found


def notice(
    raw: Json, reason: str = "SpotToBeReleased", message: str = "Spot ECI will be released in 3 minutes"
) -> Json:
    """An Event on a pod."""
    uid = raw["metadata"]["uid"]
    return {
        "kind": "Event",
        "metadata": {"uid": f"event-{uid}-{reason}", "namespace": "ci"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": "Pod", "uid": uid, "name": raw["metadata"]["name"]},
    }


@dataclass
class History:
    """What the API says of one run, in the order of each resource; and the logs of its steps."""

    workflows: list[tuple[str, Json]] = field(default_factory=list)
    pods: list[tuple[str, Json]] = field(default_factory=list)
    events: list[tuple[str, Json]] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)
    """Log by uid of the pod."""

    def streams(self) -> Mapping[str, Sequence[tuple[str, Json]]]:
        return {"workflows": self.workflows, "pods": self.pods, "events": self.events}

    def changes(self) -> Iterator[tuple[str, str, Json]]:
        """One order in which it could have come."""
        for resource in ("events", "pods", "workflows"):
            for kind, raw in self.streams()[resource]:
                yield resource, kind, raw


SPOT = {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}


def green_run(uid: str, created: float = START, logs: Mapping[str, bytes] = {}, **changes: Any) -> History:
    """Three steps that succeed: pending 10 s each, then 20, 60 and 90 s of work, with 2 s between."""
    return history(uid, created, [(step, "Succeeded", 0) for step in STEPS], logs, **changes)


def history(
    uid: str,
    created: float,
    steps: Sequence[tuple[str, str, int]],
    logs: Mapping[str, bytes] = {},
    **changes: Any,
) -> History:
    """A run whose steps end with a phase and an exit code, up to the first that fails."""
    found = History()
    run = workflow(uid, created, **changes)
    found.workflows.append(("ADDED", run))
    name, clock, nodes = run["metadata"]["name"], created + 1, []
    for step, phase, exit_code in steps:
        work = {"git-checkout-pr": 20, "run-test": 60, "build-push-image": 90}.get(step, 30)
        raw = pod(run, step, clock, annotations=changes.get("pod_annotations", {}))
        started = running(raw, clock + 1, clock + 10)
        last = ended(started, clock + 10 + work, exit_code)
        found.pods += [("ADDED", raw), ("MODIFIED", started), ("MODIFIED", last)]
        message = "" if exit_code == 0 else f"main: Error (exit code {exit_code})"
        nodes.append(node(name, step, phase, clock, clock + 11 + work, message=message))
        if step in logs:
            found.logs[raw["metadata"]["uid"]] = logs[step]
        clock += 13 + work
        found.workflows.append(("MODIFIED", _status(run, "Running", created + 1, None, nodes)))
        if phase != "Succeeded":
            break
    phase = nodes[-1]["phase"] if nodes else "Succeeded"
    found.workflows.append(("MODIFIED", _status(run, phase, created + 1, clock, nodes)))
    return found


def _status(run: Json, phase: str, started: float, finished: float | None, nodes: Sequence[Json]) -> Json:
    found = copy.deepcopy(run)
    found["status"] |= {
        "phase": phase,
        "startedAt": at(started),
        "finishedAt": None if finished is None else at(finished),
        "nodes": {each["id"]: each for each in copy.deepcopy(list(nodes))},
        "storedWorkflowTemplateSpec": {"templates": []},
    }
    return found


def with_status(run: Json, phase: str, started: float, finished: float | None, nodes: Sequence[Json]) -> Json:
    """The Workflow with this status."""
    return _status(run, phase, started, finished, nodes)
