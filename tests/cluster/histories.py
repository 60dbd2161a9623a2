"""What can happen to runs of ci-go-v1: how the virtual node plays it, and what it must add to the exporter's metrics.

Runs are started as people start them (a Workflow of the template) and as hookline does (its labels).
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cluster.control_plane import ControlPlane
from cluster.installation import API
from cluster.virtual_node import VirtualNode
from cluster.waiting import until

__all__ = ["GREEN", "HISTORIES", "NAMESPACE", "RETRYING", "VANISHING", "History", "green_with", "play"]

NAMESPACE = "exporter"
LOGS = Path(__file__).parents[1] / "data" / "logs"
STEPS = ("git-checkout-pr", "run-test", "build-push-image")
SPOT = {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo", "k8s.aliyun.com/eci-spot-fallback": "true"}
INFRASTRUCTURE = 'lastRetry.status == "Error" || lastRetry.message contains "spot instance"'

# The same steps as named templates, so that a step can be retried; and one without a retry.
RETRYING: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "ClusterWorkflowTemplate",
    "metadata": {"name": "ci-go-retrying"},
    "spec": {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "repo_name", "value": ""}]},
        "templates": [
            {"name": "main", "dag": {"tasks": [{"name": "run-test", "template": "test"}]}},
            {
                "name": "test",
                "retryStrategy": {"limit": "2", "retryPolicy": "Always", "expression": INFRASTRUCTURE},
                "container": {"image": "golang:1.22-alpine", "command": ["sh", "-c"], "args": ["echo test"]},
            },
        ],
    },
}


def log(folder: str, name: str, before: bytes, after: bytes) -> bytes:
    text = next((LOGS / folder).glob(f"{name}*.log")).read_bytes()
    return before + re.sub(rb"(?m)^(?:rc=\d+|\$ .*)\n?", b"", text) + after


CHECKOUT = log("git", "03", b"", b"")
CLONE = log("git", "01", b"", b"")
TEST = log("go", "go1.22-02", b"Start Go Test...\n", b"Go Test Complete.\n")
BUILD_START, BUILT = (
    b"Start to Build And Push Container Image\n",
    b"Build And Push Container Image x Complete.\n",
)
BUILD = log("buildkit", "03", BUILD_START, BUILT)
COLD = log("buildkit", "01", BUILD_START, BUILT)
BROKEN = log("buildkit", "13", BUILD_START, b"")
GREEN = {"git-checkout-pr": CHECKOUT, "run-test": TEST, "build-push-image": BUILD}


def green_with(**logs: tuple[str, str]) -> Callable[["Play"], None]:
    """All goes well, and these steps (checkout, test, build) say what the log FOLDER/NAME says."""
    around = {
        "checkout": (b"", b""),
        "test": (b"Start Go Test...\n", b"Go Test Complete.\n"),
        "build": (BUILD_START, BUILT),
    }
    names = dict(zip(around, STEPS, strict=True))
    said = {names[step]: log(*place, *around[step]) for step, place in logs.items()}
    return lambda run: run.green(logs=GREEN | said)


class Play:
    """Plays the pods of one run."""

    def __init__(self, cluster: ControlPlane, node: VirtualNode, name: str) -> None:
        self.cluster, self.api, self.node, self.name = cluster, cluster.api, node, name
        self.seen: set[str] = set()

    def pod(self, step: str) -> Any:
        """The next pod of a step."""

        def found() -> Any:
            for pod in self.api.list("v1", "Pod", NAMESPACE, f"workflows.argoproj.io/workflow={self.name}"):
                metadata = pod["metadata"]
                task = re.sub(
                    r"\(\d+\)$",
                    "",
                    metadata["annotations"]["workflows.argoproj.io/node-name"].rpartition(".")[2],
                )
                if task == step and metadata["uid"] not in self.seen:
                    self.seen.add(metadata["uid"])
                    return pod
            return None

        return until(found, f"{self.name}: the pod of {step}")

    def run(self, step: str, text: bytes | None = None) -> Any:
        pod = self.pod(step)
        if text is not None:
            self.node.logs[NAMESPACE, pod["metadata"]["name"]] = text
        self.node.run(pod)
        return pod

    def green(self, steps: Iterable[str] = STEPS, logs: Mapping[str, bytes] = GREEN) -> None:
        for step in steps:
            self.node.end(self.run(step, logs.get(step)))

    def phase(self) -> str:
        return str(self.api.get(API, "Workflow", self.name, NAMESPACE).get("status", {}).get("phase", ""))

    def patch(self, **spec: Any) -> None:
        self.api.patch(API, "Workflow", self.name, NAMESPACE, {"spec": spec})

    def delete(self) -> None:
        self.api.delete(API, "Workflow", self.name, NAMESPACE)

    def until_phase(self, *phases: str) -> None:
        until(lambda: self.phase() in phases, f"{self.name}: {phases}")


Expected = Counter[tuple[str, ...]]


@dataclass(frozen=True)
class History:
    """What happens to a run, and what it adds to the metrics."""

    play: Callable[[Play], None]
    adds: Mapping[tuple[str, ...], int]
    template: str = "ci-go-v1"
    spot: bool = False
    spec: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(
        default_factory=lambda: {"hookline.dev/pipeline": "shop", "hookline.dev/event-kind": "push"}
    )
    annotations: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False
    """A run that nothing counts, called NAME-holder, is started before it and has its lock."""

    def of_commit(self, source: str, annotations: Mapping[str, str]) -> "History":
        """The same, started by an event of a source, with these annotations."""
        return replace(self, labels={**self.labels, "hookline.dev/source": source}, annotations=annotations)


def runs(outcome: str, pipeline: str = "shop", event: str = "push") -> dict[tuple[str, ...], int]:
    return {("runs", pipeline, event, outcome): 1}


def attempts(
    *found: tuple[str, str], capacity: str = "on_demand", pipeline: str = "shop"
) -> dict[tuple[str, ...], int]:
    counted: Counter[tuple[str, ...]] = Counter(
        ("attempts", pipeline, step, outcome, capacity) for step, outcome in found
    )
    return dict(counted)


GREEN_ATTEMPTS = [(step, "success") for step in STEPS]


def fails(step: str, exit_code: int, text: bytes | None = None, reason: str = "") -> Callable[[Play], None]:
    def play(run: Play) -> None:
        run.green(STEPS[: STEPS.index(step)])
        run.node.end(run.run(step, text), exit_code, reason=reason)

    return play


def reclaimed(run: Play) -> None:
    run.green(["git-checkout-pr"])
    run.node.reclaim(run.run("run-test"))


def notified(run: Play, pod: Any, reason: str, message: str) -> None:
    """ECI says so long before the pod ends; whoever watches Events and pods hears of each in its own time."""
    run.node.notify(pod, reason, message)
    time.sleep(5)


def evicted_then_retried(run: Play) -> None:
    pod = run.run("run-test")
    until(lambda: run.phase() == "Running", "it runs")
    until(lambda: _node_phase(run, "Running"), "the controller has seen it run")
    notified(run, pod, "SpotToBeReleased", "Spot ECI will be released in 3 minutes")
    run.node.delete(pod)
    run.node.end(run.run("run-test", TEST))


def _node_phase(run: Play, phase: str) -> bool:
    nodes = run.api.get(API, "Workflow", run.name, NAMESPACE).get("status", {}).get("nodes", {}).values()
    return any(each["type"] == "Pod" and each["phase"] == phase for each in nodes)


def reclaimed_then_retried(run: Play) -> None:
    run.node.reclaim(run.run("run-test"))
    run.node.end(run.run("run-test", TEST))


def degraded(run: Play) -> None:
    pod = run.run("git-checkout-pr", CHECKOUT)
    notified(
        run, pod, "SpotDegraded", "Spot [x] will be degraded because the specified instance is out of stock"
    )
    run.node.end(pod)
    run.green(["run-test", "build-push-image"])


def image_pull_error(run: Play) -> None:
    pod = run.pod("git-checkout-pr")
    run.node.bind(pod)
    run.node.status(
        pod, "Pending", {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    )
    run.node.status(
        pod, "Failed", {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    )


def step_deadline(run: Play) -> None:
    run.green(["git-checkout-pr"])
    pod = run.run("run-test")
    more = {
        "reason": "DeadlineExceeded",
        "message": "Pod was active on the node longer than the specified deadline",
    }
    ended = {"exitCode": 137, "reason": "Error", "startedAt": None, "finishedAt": None}
    run.node.status(
        pod, "Failed", {"terminated": {k: v for k, v in ended.items() if v is not None}}, more=more
    )


def stopped(run: Play) -> None:
    pod = run.run("git-checkout-pr")
    until(lambda: _node_phase(run, "Running"), "the controller has seen it run")
    run.patch(shutdown="Stop")
    run.node.end(pod, 143)


def ended_while_waiting(shutdown: str) -> Callable[[Play], None]:
    """Terminated or stopped while it waits for a lock: no pod of it ever exists.

    Terminated, Argo Workflows 3.7.18 and 4.0.5 write the phase Succeeded, and a failed node of type Pod for the step that
    would have been the first. Stopped, it goes on to wait, and is Failed once it has the lock.
    """

    def play(run: Play) -> None:
        def is_waiting() -> bool:
            status = run.api.get(API, "Workflow", run.name, NAMESPACE).get("status", {})
            return status.get("phase") == "Pending" and "Waiting for" in status.get("message", "")

        until(is_waiting, f"{run.name} waits for the lock")
        run.patch(shutdown=shutdown)
        if shutdown == "Terminate":
            run.until_phase("Succeeded", "Failed", "Error")
        holder = Play(run.cluster, run.node, f"{run.name}-holder")
        holder.node.end(holder.run("run-test"))
        run.until_phase("Succeeded", "Failed", "Error")
        pods = run.api.list("v1", "Pod", NAMESPACE, f"workflows.argoproj.io/workflow={run.name}")
        assert pods == []

    return play


def pod_deleted(run: Play) -> None:
    pod = run.run("git-checkout-pr")
    until(lambda: _node_phase(run, "Running"), "the controller has seen it run")
    run.node.delete(pod)


def workflow_deleted(run: Play) -> None:
    run.run("git-checkout-pr")
    until(lambda: _node_phase(run, "Running"), "the controller has seen it run")
    run.delete()


def other_container_failed(run: Play) -> None:
    pod = run.run("git-checkout-pr")
    times = {
        "startedAt": pod["metadata"]["creationTimestamp"],
        "finishedAt": pod["metadata"]["creationTimestamp"],
    }
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", **times}}
    failed = {"terminated": {"exitCode": 2, "reason": "Error", **times}}
    run.node.status(pod, "Failed", ended, others=failed)


PERSON: dict[str, str] = {}
SHOP = {"hookline.dev/pipeline": "shop"}
CACHED = {
    ("images", "shop", "partial"): 1,
    ("hits", "shop", "image_layer"): 5,
    ("hits", "shop", "git_checkout"): 1,
}
CHECKED_OUT = {("hits", "shop", "git_checkout"): 1}

HISTORIES: Mapping[str, History] = {
    "green": History(Play.green, runs("success") | attempts(*GREEN_ATTEMPTS) | CACHED),
    "green-tag": History(
        Play.green,
        runs("success", event="tag") | attempts(*GREEN_ATTEMPTS) | CACHED,
        labels={**SHOP, "hookline.dev/event-kind": "tag"},
    ),
    "green-person": History(
        Play.green,
        runs("success", "other", "manual") | attempts(*GREEN_ATTEMPTS, pipeline="other"),
        labels=PERSON,
    ),
    "green-adopted": History(
        Play.green,
        runs("success", "adopted", "manual") | attempts(*GREEN_ATTEMPTS, pipeline="adopted"),
        labels=PERSON,
        spec={"arguments": {"parameters": [{"name": "repo_name", "value": "adopted"}]}},
    ),
    "green-cron": History(
        Play.green,
        runs("success", "other", "schedule") | attempts(*GREEN_ATTEMPTS, pipeline="other"),
        labels={"workflows.argoproj.io/cron-workflow": "nightly"},
    ),
    "green-odd-event": History(
        Play.green,
        runs("success", event="other") | attempts(*GREEN_ATTEMPTS) | CACHED,
        labels={**SHOP, "hookline.dev/event-kind": "flood"},
    ),
    "green-cold": History(
        lambda run: run.green(logs=GREEN | {"git-checkout-pr": CLONE, "build-push-image": COLD}),
        runs("success") | attempts(*GREEN_ATTEMPTS) | {("images", "shop", "cold_missing"): 1},
    ),
    "green-no-logs": History(lambda run: run.green(logs={}), runs("success") | attempts(*GREEN_ATTEMPTS)),
    "green-spot": History(
        Play.green,
        runs("success") | attempts(*GREEN_ATTEMPTS, capacity="spot") | CACHED | {("spot", "shop"): 3},
        spot=True,
    ),
    "no-test": History(
        lambda run: run.green(["git-checkout-pr", "build-push-image"]),
        runs("success") | attempts(("git-checkout-pr", "success"), ("build-push-image", "success")) | CACHED,
        spec={"arguments": {"parameters": [{"name": "enable_test", "value": "false"}]}},
    ),
    "red-test": History(
        fails("run-test", 1),
        runs("failure") | attempts(("git-checkout-pr", "success"), ("run-test", "failure")) | CHECKED_OUT,
    ),
    "red-test-2": History(
        fails("run-test", 2),
        runs("failure") | attempts(("git-checkout-pr", "success"), ("run-test", "failure")) | CHECKED_OUT,
    ),
    "red-build": History(
        fails("build-push-image", 1, log("buildkit", "07", BUILD_START, b"")),
        runs("failure")
        | attempts(("git-checkout-pr", "success"), ("run-test", "success"), ("build-push-image", "failure"))
        | CHECKED_OUT
        | {("images", "shop", "failed"): 1},
    ),
    "broken-cache": History(
        fails("build-push-image", 1, BROKEN),
        runs("error")
        | attempts(("git-checkout-pr", "success"), ("run-test", "success"), ("build-push-image", "error"))
        | CHECKED_OUT
        | {("images", "shop", "broken"): 1},
    ),
    "checkout-fails": History(
        fails("git-checkout-pr", 128), runs("error") | attempts(("git-checkout-pr", "error"))
    ),
    "killed": History(
        fails("run-test", 137),
        runs("error") | attempts(("git-checkout-pr", "success"), ("run-test", "error")) | CHECKED_OUT,
    ),
    "out-of-memory": History(
        fails("run-test", 137, reason="OOMKilled"),
        runs("error") | attempts(("git-checkout-pr", "success"), ("run-test", "error")) | CHECKED_OUT,
    ),
    "terminated-143": History(
        fails("run-test", 143),
        runs("error") | attempts(("git-checkout-pr", "success"), ("run-test", "error")) | CHECKED_OUT,
    ),
    "reclaimed": History(
        reclaimed,
        runs("error")
        | attempts(("git-checkout-pr", "success"), ("run-test", "error"), capacity="spot")
        | CHECKED_OUT
        | {("spot", "shop"): 2, ("reclaims", "shop", "BidFailed"): 1, ("wasted", "shop"): 2 * 39},
        spot=True,
    ),
    "reclaimed-retried": History(
        reclaimed_then_retried,
        runs("success")
        | attempts(("run-test", "error"), ("run-test", "success"), capacity="spot")
        | {("spot", "shop"): 2, ("reclaims", "shop", "BidFailed"): 1, ("wasted", "shop"): 2 * 39},
        template="ci-go-retrying",
        spot=True,
    ),
    "evicted-retried": History(
        evicted_then_retried,
        runs("success")
        | attempts(("run-test", "error"), ("run-test", "success"), capacity="spot")
        | {("spot", "shop"): 2, ("reclaims", "shop", "evicted"): 1},
        template="ci-go-retrying",
        spot=True,
    ),
    "degraded": History(
        degraded,
        runs("success")
        | attempts(("git-checkout-pr", "success"))
        | attempts(("run-test", "success"), ("build-push-image", "success"), capacity="spot")
        | CACHED
        | {("spot", "shop"): 3, ("degraded", "shop", "SpotDegraded"): 1},
        spot=True,
    ),
    "image-pull": History(image_pull_error, runs("error") | attempts(("git-checkout-pr", "error"))),
    "step-deadline": History(
        step_deadline,
        runs("timeout") | attempts(("git-checkout-pr", "success"), ("run-test", "timeout")) | CHECKED_OUT,
    ),
    "stopped": History(stopped, runs("cancellation") | attempts(("git-checkout-pr", "cancellation"))),
    "terminated-waiting": History(ended_while_waiting("Terminate"), runs("cancellation"), waits=True),
    "stopped-waiting": History(ended_while_waiting("Stop"), runs("cancellation"), waits=True),
    "pod-deleted": History(pod_deleted, runs("error") | attempts(("git-checkout-pr", "error"))),
    "workflow-deleted": History(workflow_deleted, {("lost", "run"): 1, ("lost", "pod"): 1}),
    "other-container": History(
        other_container_failed, runs("error") | attempts(("git-checkout-pr", "error"))
    ),
    "early-pod-gc": History(
        Play.green,
        runs("success") | attempts(*GREEN_ATTEMPTS),
        spec={"podGC": {"strategy": "OnPodCompletion"}},
    ),
    "short-ttl": History(
        Play.green,
        runs("success") | attempts(*GREEN_ATTEMPTS) | CACHED,
        spec={"ttlStrategy": {"secondsAfterCompletion": 20}},
    ),
    "other-template": History(
        lambda run: run.node.end(run.run("run-test")),
        {},
        template="ci-go-retrying",
        labels=PERSON,
    ),
}


VANISHING = {"evicted-retried", "pod-deleted", "workflow-deleted", "early-pod-gc", "short-ttl"}


def play(cluster: ControlPlane, node: VirtualNode, name: str, history: History | None = None) -> None:
    """Start the run of a history, by default the one of that name, and let it happen."""
    history = HISTORIES[name] if history is None else history
    lock: dict[str, Any] = {}
    if history.waits:
        lock = {"synchronization": {"mutexes": [{"name": name}]}}
        _start(cluster, f"{name}-holder", History(Play.green, {}, "ci-go-retrying", labels={}), lock)
        holder = Play(cluster, node, f"{name}-holder")
        until(lambda: holder.phase() == "Running", "the holder has the lock")
    _start(cluster, name, history, lock)
    history.play(Play(cluster, node, name))


def _start(cluster: ControlPlane, name: str, history: History, lock: Mapping[str, Any]) -> None:
    spec: dict[str, Any] = {
        "workflowTemplateRef": {"name": history.template, "clusterScope": True},
        "arguments": {"parameters": [{"name": "repo_name", "value": "shop"}]},
        "serviceAccountName": "hookline-exporter",
        **lock,
        **history.spec,
    }
    if history.spot:
        spec["podMetadata"] = {"annotations": SPOT}
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": dict(history.labels),
        "annotations": dict(history.annotations),
    }
    cluster.api.create({"apiVersion": API, "kind": "Workflow", "metadata": metadata, "spec": spec})
