"""Histories of fan-outs: each Workflow as argo-workflows 3.7 and 4.0 write it, from its creation to its end."""

import json
from collections.abc import Sequence
from typing import Any

from api_objects import START, Json, at

__all__ = ["ORDER_BYTES", "fan_out", "fan_out_history", "fan_out_pod", "pod_node"]

ORDER_BYTES = 500_000
"""As much as an order of a thousand pipelines takes."""


def fan_out(uid: str = "f", created: float = START, runs: int = 300, **changes: Any) -> Json:
    """A fan-out that an image started, as the Sensor creates it."""
    order = json.dumps({"frame": {"padding": "x" * changes.get("order_bytes", 100)}, "pace": {}, "runs": []})
    labels = {
        "app.kubernetes.io/managed-by": "hookline",
        "hookline.dev/source": "registry",
        "hookline.dev/event-kind": "image_push",
        "hookline.dev/event": "0123456789abcdef",
        "hookline.dev/fan-out-runs": str(runs),
    }
    annotations = {
        "hookline.dev/repository": "base/go",
        "hookline.dev/ref": "base/go:1.26",
        "hookline.dev/sha": "sha256:" + "ab" * 32,
        "hookline.dev/actor": "robot",
        "hookline.dev/reason": "MATCH",
        "hookline.dev/delivery": f"delivery-{uid}",
        "hookline.dev/event-id": f"event-{uid}",
        "hookline.dev/event-time": at(created - 2),
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "uid": uid,
            "namespace": "ci",
            "name": f"fan-out-base-go-{uid}",
            "creationTimestamp": at(created),
            "labels": labels | changes.get("labels", {}),
            "annotations": annotations | changes.get("annotations", {}),
        },
        "spec": {
            "workflowTemplateRef": {"name": "hookline-fan-out"},
            "arguments": {"parameters": [{"name": "order", "value": order}]},
        },
        "status": {},
    }


def pod_node(raw: Json, phase: str, started: float, finished: float | None = None, **more: Any) -> Json:
    """The node of a fan-out's pod: the Workflow's own where the template retries nothing, else the attempt of this number."""
    name, attempt = raw["metadata"]["name"], more.pop("attempt", None)
    counts = more.pop("counts", None)
    parameters = [] if counts is None else [{"name": "counts", "value": json.dumps(counts)}]
    if counts is not None:
        parameters.append({"name": "runs", "value": "ci/app-0 started\nci/app-1 started"})
    own = name if attempt is None else f"{name}({attempt})"
    return {
        "id": name if attempt is None else f"{name}-{3_000_000_000 + attempt}",
        "name": own,
        "displayName": own,
        "type": "Pod",
        "templateName": "start",
        "templateScope": "local/",
        "phase": phase,
        "startedAt": at(started),
        "finishedAt": None if finished is None else at(finished),
        "progress": "0/1",
        "inputs": {"parameters": raw["spec"]["arguments"]["parameters"]},
        **({"outputs": {"exitCode": "0", "parameters": parameters}} if parameters else {}),
        **({} if attempt is None else {"nodeFlag": {"retried": True}}),
        **more,
    }


def with_nodes(raw: Json, release: str, phase: str, nodes: Sequence[Json], **status: Any) -> Json:
    """The Workflow with this status; 4.0 writes into each node of a pod whether its result was received, 3.7 into the status too."""
    pods = [{**each, "taskResultSynced": bool(each["finishedAt"])} for each in nodes]
    done = [tuple(map(int, each["progress"].split("/"))) for each in pods]
    progress = f"{sum(each[0] for each in done)}/{sum(each[1] for each in done)}" if done else "0/0"
    synced = {each["id"]: bool(each["finishedAt"]) for each in pods}
    return {
        **raw,
        "status": {
            "phase": phase,
            "progress": progress,
            "nodes": {each["id"]: each for each in pods},
            "storedWorkflowTemplateSpec": {"arguments": {}, "templates": [{"name": "start"}]},
            "artifactRepositoryRef": {"default": True},
            **({"taskResultsCompletionStatus": synced} if release == "3.7" else {}),
            **status,
        },
    }


def fan_out_history(
    uid: str = "f",
    created: float = START,
    runs: int = 300,
    release: str = "3.7",
    end: str = "success",
    **changes: Any,
) -> list[Json]:
    """What the API says of a fan-out, in order.

    Args:
        uid: Of its Workflow.
        created: Unix seconds.
        runs: How many runs its order has.
        release: Of argo-workflows: 3.7 or 4.0.
        end: success; refused, of one run; killed: its pod is lost and tried again; lost: it is lost, and not tried again; stopped; retried:
            `argo retry` mends what was refused.
        changes: See `fan_out`.
    """
    raw = fan_out(uid, created, runs, **changes)
    began, told = created + 3, created + 63
    half = f"{runs // 2}/{runs}"
    retry = {"type": "Retry", "id": raw["metadata"]["name"]}

    def running(*nodes: Json) -> Json:
        return with_nodes(raw, release, "Running", nodes, startedAt=at(created), finishedAt=None)

    def ended(phase: str, seconds: float, *nodes: Json, **status: Any) -> Json:
        times = {"startedAt": at(created), "finishedAt": at(created + seconds)}
        return with_nodes(raw, release, phase, nodes, **times, **status)

    first = [
        raw,
        running(pod_node(raw, "Pending", began)),
        running(pod_node(raw, "Running", began)),
        running(pod_node(raw, "Running", began, progress=half)),
    ]
    counts = {"started": runs, "existing": 0, "replaced": 0, "refused": 0}
    match end:
        case "success":
            node = pod_node(raw, "Succeeded", began, told, progress=f"{runs}/{runs}", counts=counts)
            return [*first, ended("Succeeded", 70, node)]
        case "refused" | "retried":
            message = "main: Error (exit code 1)"
            refused = counts | {"started": runs - 2, "existing": 1, "refused": 1}
            node = pod_node(
                raw, "Failed", began, told, progress=f"{runs - 1}/{runs}", counts=refused, message=message
            )
            failed = ended("Failed", 70, node, message=message)
            if end == "refused":
                return [*first, failed]
            again = counts | {"started": 1, "existing": runs - 1}
            node = pod_node(raw, "Succeeded", told + 100, told + 110, progress=f"{runs}/{runs}", counts=again)
            return [
                *first,
                failed,
                running(pod_node(raw, "Pending", told + 100)),
                ended("Succeeded", 180, node),
            ]
        case "killed":
            lost = pod_node(raw, "Error", began, told, attempt=0, progress=half, message="pod deleted")
            rest = counts | {"started": runs - runs // 2, "existing": runs // 2}
            last = pod_node(
                raw, "Succeeded", told + 9, told + 60, attempt=1, progress=f"{runs}/{runs}", counts=rest
            )
            whole = {**pod_node(raw, "Running", began), **retry}
            done = {**pod_node(raw, "Succeeded", began, told + 60, counts=rest), **retry}
            return [
                raw,
                running(whole, pod_node(raw, "Running", began, attempt=0)),
                running(whole, pod_node(raw, "Running", began, attempt=0, progress=half)),
                running(whole, lost, pod_node(raw, "Pending", told + 9, attempt=1)),
                running(whole, lost, pod_node(raw, "Running", told + 9, attempt=1, progress=f"10/{runs}")),
                ended("Succeeded", 130, done, lost, last),
            ]
        case "lost":
            node = pod_node(raw, "Error", began, told, progress=half, message="pod deleted")
            return [*first, ended("Error", 70, node, message="pod deleted")]
        case _:
            message = "workflow shutdown with strategy:  Terminate"
            node = pod_node(raw, "Failed", began, told, progress=half, message=message)
            found = ended("Failed", 70, node, message="Stopped with strategy 'Terminate'")
            return [*first, {**found, "spec": {**found["spec"], "shutdown": "Terminate"}}]


def fan_out_pod(raw: Json, exit_code: int | None = None) -> Json:
    """The pod of a fan-out, on ECI and spot, that runs or has ended."""
    name, created = raw["metadata"]["name"], START + 3
    state: Json = {"running": {"startedAt": at(created + 5)}}
    if exit_code is not None:
        state = {
            "terminated": {
                "exitCode": exit_code,
                "startedAt": at(created + 5),
                "finishedAt": at(created + 60),
            }
        }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "uid": f"{raw['metadata']['uid']}-pod",
            "namespace": "ci",
            "name": name,
            "creationTimestamp": at(created),
            "ownerReferences": [{"kind": "Workflow", "name": name, "uid": raw["metadata"]["uid"]}],
            "labels": {"workflows.argoproj.io/workflow": name},
            "annotations": {
                "workflows.argoproj.io/node-id": name,
                "workflows.argoproj.io/node-name": name,
                "k8s.aliyun.com/eci-instance-id": "eci-1",
                "k8s.aliyun.com/eci-instance-spec": "2.0-4.0Gi",
                "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo",
            },
        },
        "spec": {"nodeName": "virtual-kubelet", "containers": [{"name": "main", "resources": {}}]},
        "status": {
            "phase": "Running" if exit_code is None else "Failed" if exit_code else "Succeeded",
            "startTime": at(created + 1),
            "containerStatuses": [{"name": "main", "state": state}],
        },
    }
