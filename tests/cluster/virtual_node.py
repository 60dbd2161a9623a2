"""A virtual node: takes the pods of Workflows and plays them through the API, as ACK One's virtual node does for ECI.

No container runs. A pod goes the way that the test says: bound, running, ended with an exit code.
"""

import datetime
from collections.abc import Mapping

from cluster.api import Api, Json

__all__ = ["VirtualNode"]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class VirtualNode:
    """One Node object, and the pods that were bound to it."""

    def __init__(self, api: Api, name: str = "virtual-kubelet-cn-hongkong-b") -> None:
        self._api = api
        self.name = name
        api.apply(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"type": "virtual-kubelet"}},
            }
        )
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": _now()}
        api.patch("v1", "Node", name, None, {"status": {"conditions": [ready]}}, "/status")

    def run(self, pod: Json) -> None:
        """Bind a pod and let all its containers run."""
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
        self._api.call(
            "POST",
            f"/api/v1/namespaces/{namespace}/pods/{name}/binding",
            {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target},
        )
        self._status(pod, "Running", {"running": {"startedAt": _now()}})

    def end(self, pod: Json, exit_code: int = 0) -> None:
        """End all containers of a pod."""
        reason = "Completed" if exit_code == 0 else "Error"
        ended = {"exitCode": exit_code, "reason": reason, "startedAt": _now(), "finishedAt": _now()}
        self._status(pod, "Succeeded" if exit_code == 0 else "Failed", {"terminated": ended})

    def _status(self, pod: Json, phase: str, state: Mapping[str, Mapping[str, object]]) -> None:
        containers = [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": phase == "Running",
                "restartCount": 0,
                "state": state,
            }
            for container in pod["spec"]["containers"]
        ]
        status = {"phase": phase, "startTime": _now(), "containerStatuses": containers}
        self._api.patch(
            "v1", "Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], {"status": status}, "/status"
        )
