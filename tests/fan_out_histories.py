"""Histories of fan-outs: each Workflow as argo-workflows 3.7 and 4.0 write it, from its creation to its end."""

import json
from collections.abc import Sequence
from typing import Any

from api_objects import START, Json, at

__all__ = ["ORDER_BYTES", "fan_out", "fan_out_history", "fan_out_pod", "pod_node"]

ORDER_BYTES = 450_000
"""About as much as an order may have: Argo writes it into the status once more, and ends a Workflow of more than 1 MiB (seen on 3.7.18 with 530,000)."""


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
    """The node of a fan-out's pod, the first attempt or another one. A pod that was ended at once says what the template has as default."""
    name, attempt = raw["metadata"]["name"], more.pop("attempt", 0)
    parameters = [
        {"name": "counts", "value": json.dumps(more.pop("counts", {}))},
        {"name": "runs", "value": "ci/app-0 started\nci/app-1 started\n"},
    ]
    return {
        "id": f"{name}-{3_000_000_000 + attempt}",
        "name": f"{name}({attempt})",
        "displayName": f"{name}({attempt})",
        "type": "Pod",
        "templateName": "start",
        "templateScope": "local/",
        "phase": phase,
        "startedAt": at(started),
        "finishedAt": None if finished is None else at(finished),
        "progress": "0/1",
        **(
            {}
            if finished is None
            else {"outputs": {"exitCode": "0" if phase == "Succeeded" else "1", "parameters": parameters}}
        ),
        "nodeFlag": {"retried": True},
        **more,
    }


def with_nodes(raw: Json, release: str, phase: str, pods: Sequence[Json], **status: Any) -> Json:
    """The Workflow with the nodes of these attempts below the one that retries them, which repeats the last one's outputs.

    4.0 writes into each node of a pod whether its result was received, 3.7 into the status too.
    """
    name = raw["metadata"]["name"]
    progress = [tuple(map(int, each["progress"].split("/"))) for each in pods]
    total = f"{sum(done for done, _ in progress)}/{sum(of for _, of in progress)}"
    root = {
        **{key: value for key, value in pods[-1].items() if key not in {"nodeFlag", "templateScope"}},
        "id": name,
        "name": name,
        "displayName": name,
        "type": "Retry",
        "progress": total,
        "phase": phase,
        "children": [each["id"] for each in pods],
    }
    synced = {each["id"]: bool(each["finishedAt"]) for each in pods}
    received = [{**each, "taskResultSynced": synced[each["id"]]} for each in pods]
    return {
        **raw,
        "status": {
            "phase": phase,
            "progress": total,
            "nodes": {each["id"]: each for each in (root, *received)},
            # The order once more.
            "storedWorkflowTemplateSpec": {**raw["spec"], "templates": [{"name": "start"}]},
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
        end: success; refused, of one run; killed: its pod is lost and tried again; lost: each of its pods is; stopped; retried: `argo retry`
            mends what was refused.
        changes: See `fan_out`.
    """
    raw = fan_out(uid, created, runs, **changes)
    began, told = created + 3, created + 63
    half, whole = f"{runs // 2}/{runs}", f"{runs}/{runs}"
    counts = {"started": runs, "existing": 0, "replaced": 0, "refused": 0}

    def running(*pods: Json) -> Json:
        return with_nodes(raw, release, "Running", pods, startedAt=at(created), finishedAt=None)

    def ended(phase: str, seconds: float, *pods: Json, **status: Any) -> Json:
        times = {"startedAt": at(created), "finishedAt": at(created + seconds)}
        return with_nodes(raw, release, phase, pods, **times, **status)

    first = [
        raw,
        running(pod_node(raw, "Pending", began)),
        running(pod_node(raw, "Running", began)),
        running(pod_node(raw, "Running", began, progress=half)),
    ]
    lost = pod_node(raw, "Error", began, told, progress=half, message="pod deleted")
    match end:
        case "success":
            done = pod_node(raw, "Succeeded", began, told, progress=whole, counts=counts)
            return [*first, ended("Succeeded", 70, done)]
        case "refused" | "retried":
            message = "main: Error (exit code 1)"
            refused = counts | {"started": runs - 2, "existing": 1, "refused": 1}
            red = pod_node(
                raw, "Failed", began, told, progress=f"{runs - 1}/{runs}", counts=refused, message=message
            )
            # As 3.7.18 says it where the template tries again after other ends alone.
            failed = ended("Failed", 70, red, message="retryStrategy.expression evaluated to false")
            if end == "refused":
                return [*first, failed]
            rest = counts | {"started": 1, "existing": runs - 1}
            done = pod_node(raw, "Succeeded", told + 100, told + 110, progress=whole, counts=rest)
            again = running(pod_node(raw, "Pending", told + 100))
            return [*first, failed, again, ended("Succeeded", 180, done)]
        case "killed":
            # It had the time to say what it had done.
            lost["outputs"]["parameters"][0]["value"] = json.dumps(counts | {"started": runs // 2})
            rest = counts | {"started": runs - runs // 2, "existing": runs // 2}
            second = pod_node(raw, "Running", told + 9, attempt=1, progress=f"1/{runs}")
            done = pod_node(raw, "Succeeded", told + 9, told + 60, attempt=1, progress=whole, counts=rest)
            return [
                *first,
                running(lost, pod_node(raw, "Pending", told + 9, attempt=1)),
                running(lost, second),
                ended("Succeeded", 130, lost, done),
            ]
        case "lost":
            # Ended by its node, it had the time to say what it had done; the next one had not.
            counts |= {"started": runs // 2}
            told_half = pod_node(
                raw, "Failed", began, told, message="main: Error (exit code 143)", counts=counts
            )
            last = pod_node(raw, "Error", told + 9, told + 20, attempt=1, message="pod deleted")
            return [*first, ended("Error", 90, told_half, last, message="No more retries left")]
        case _:
            message = "workflow shutdown with strategy:  Terminate"
            stopped = pod_node(raw, "Failed", began, told, progress=half, message=message)
            found = ended("Failed", 70, stopped, message="Stopped with strategy 'Terminate'")
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
