"""What can happen to a fan-out: its Workflow on the real controller, its pod played by the virtual node, what its pod says reported as Argo's executor does."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.api import Json
from cluster.histories import NAMESPACE, Play
from cluster.installation import API
from fan_out_histories import fan_out

from triggers.retry import retry_strategy

__all__ = ["FAN_OUTS", "RUNS", "TEMPLATE", "FanOutPlay", "start"]

RUNS = 40
TEMPLATE: Mapping[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {"name": "hookline-fan-out", "namespace": NAMESPACE},
    "spec": {
        "entrypoint": "start",
        "serviceAccountName": "hookline-exporter",
        "templates": [
            {
                "name": "start",
                "retryStrategy": retry_strategy(3),
                "container": {"image": "hookline:1", "command": ["hookline"], "args": ["fan-out"]},
                "outputs": {
                    "parameters": [
                        {"name": "counts", "valueFrom": {"path": "/outputs/counts", "default": "{}"}},
                        {"name": "runs", "valueFrom": {"path": "/outputs/runs", "default": ""}},
                    ]
                },
            }
        ],
    },
}


class FanOutPlay(Play):
    """Plays the pods of one fan-out."""

    def begin(self) -> Json:
        """The next pod, which runs."""
        pod: Json = self.run(self.name)
        return pod

    def say(self, pod: Json, done: int, counts: Mapping[str, int] | None = None) -> None:
        """What Argo's executor reports of a pod: how far it is; with counts, its outputs too."""
        metadata = pod["metadata"]
        result: Json = {
            "apiVersion": API,
            "kind": "WorkflowTaskResult",
            "metadata": {
                "name": metadata["annotations"]["workflows.argoproj.io/node-id"],
                "namespace": NAMESPACE,
                "labels": {
                    "workflows.argoproj.io/workflow": self.name,
                    "workflows.argoproj.io/report-outputs-completed": str(counts is not None).lower(),
                },
            },
            "progress": f"{done}/{RUNS}",
        }
        if counts is not None:
            said = {"counts": json.dumps(counts), "runs": "exporter/app-0 started\n"}
            result["outputs"] = {"parameters": [{"name": key, "value": value} for key, value in said.items()]}
        self.api.apply(result)

    def progress(self) -> str:
        """Of the Workflow, as the controller wrote it."""
        return str(self.api.get(API, "Workflow", self.name, NAMESPACE).get("status", {}).get("progress", ""))

    def succeed(self, **counts: int) -> None:
        """A pod that starts what is left."""
        pod = self.begin()
        self.say(pod, RUNS, counts)
        self.node.end(pod)


def _refused(run: FanOutPlay) -> None:
    pod = run.begin()
    run.say(pod, RUNS - 1, {"started": RUNS - 1, "refused": 1})
    run.node.end(pod, 1)


def _terminated(run: FanOutPlay) -> None:
    pod = run.begin()
    run.say(pod, 10)
    run.until_phase("Running")
    run.patch(shutdown="Terminate")
    run.say(pod, 10, {})
    run.node.end(pod, 143)


@dataclass(frozen=True)
class FanOutHistory:
    """What happens to a fan-out, its outcome, and what comes of its runs."""

    play: Callable[[FanOutPlay], None]
    outcome: str
    results: Mapping[str, int]


FAN_OUTS: Mapping[str, FanOutHistory] = {
    "fan-out-green": FanOutHistory(lambda run: run.succeed(started=RUNS), "success", {"started": RUNS}),
    "fan-out-refused": FanOutHistory(_refused, "failure", {"started": RUNS - 1, "refused": 1}),
    "fan-out-terminated": FanOutHistory(_terminated, "cancellation", {"unknown": RUNS}),
}


def start(run: FanOutPlay) -> None:
    """Create its Workflow, as the Sensor does."""
    made = fan_out(run.name, runs=RUNS)
    metadata = {**made["metadata"], "namespace": NAMESPACE, "name": run.name}
    for key in ("uid", "creationTimestamp"):
        del metadata[key]
    run.api.create({**made, "metadata": metadata, "status": {}})
