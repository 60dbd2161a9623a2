"""A virtual node: takes the pods of Workflows and plays them through the API, as ACK One's virtual node does for ECI.

No container runs. A pod goes the way that the test says: bound, running, ended with an exit code, reclaimed. Its times are
those that the test gives, after the pod's creation; a paced node takes its time instead, and tells the times of the clock.
The log that the API server asks the node for is what the test put there.
"""

import datetime
import random
import ssl
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cluster.api import Api, Json
from cluster.network import CONTROL_PLANE

__all__ = ["PENDING_SECONDS", "VirtualNode", "created"]

PENDING_SECONDS = 10
"""From a pod's creation to the start of its containers."""


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def created(pod: Json) -> float:
    """When a pod was created, Unix seconds."""
    return datetime.datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()


class _Logs(BaseHTTPRequestHandler):
    """GET /containerLogs/NAMESPACE/POD/CONTAINER, as the API server asks a kubelet."""

    logs: dict[tuple[str, str], bytes]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        log = self.logs.get((parts[1], parts[2])) if parts[0] == "containerLogs" and len(parts) == 4 else None
        if log is None:
            self.send_error(404)
            return
        query = parse_qs(url.query)
        if query.get("timestamps") == ["true"]:
            stamp = b"2026-11-24T10:00:00.000000000Z "
            log = b"".join(stamp + line for line in log.splitlines(keepends=True))
        if "limitBytes" in query:
            log = log[: int(query["limitBytes"][0])]
        self.send_response(200)
        self.send_header("Content-Length", str(len(log)))
        self.end_headers()
        self.wfile.write(log)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class VirtualNode:
    """One Node object, and the pods that were bound to it."""

    def __init__(
        self,
        api: Api,
        name: str = "virtual-kubelet-cn-hongkong-b",
        certificate: tuple[str, str] | None = None,
        paces: random.Random | None = None,
    ) -> None:
        """Register the node.

        Args:
            api: The API server.
            name: Of the node.
            certificate: Files of certificate and key, to serve logs with; without them it serves none.
            paces: With it pods take real seconds, so many as it draws.
        """
        self._api = api
        self._paces = paces
        self._started: dict[str, float] = {}
        self.name = name
        self.logs: dict[tuple[str, str], bytes] = {}
        """(namespace, pod) → the log of its main container."""
        api.apply(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"type": "virtual-kubelet"}},
            }
        )
        status: Json = {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "addresses": [{"type": "InternalIP", "address": CONTROL_PLANE}],
        }
        if certificate is not None:
            status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": self._serve_logs(*certificate)}}
        api.patch("v1", "Node", name, None, {"status": status}, "/status")

    def _serve_logs(self, certificate: str, key: str) -> int:
        handler = type("Logs", (_Logs,), {"logs": self.logs})
        server = ThreadingHTTPServer((CONTROL_PLANE, 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, name="logs", daemon=True).start()
        return server.server_address[1]

    def bind(self, pod: Json, size: str = "2.0-4.0Gi") -> None:
        """Take a pod, and write back what ECI writes back."""
        metadata = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
        self._api.call(
            "POST",
            f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding",
            {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}, "target": target},
        )
        annotations = {
            "k8s.aliyun.com/eci-instance-id": f"eci-{metadata['uid'][:8]}",
            "k8s.aliyun.com/eci-instance-spec": size,
        }
        change = {"metadata": {"annotations": annotations}}
        self._api.patch("v1", "Pod", metadata["name"], metadata["namespace"], change)

    def run(self, pod: Json, size: str = "2.0-4.0Gi") -> None:
        """Bind a pod and let all its containers run."""
        self.bind(pod, size)
        started = self._after(created(pod) + PENDING_SECONDS, 1, 4)
        self._started[pod["metadata"]["uid"]] = started
        self.status(pod, "Running", {"running": {"startedAt": _time(started)}})

    def _after(self, moment: float, least: float, most: float) -> float:
        """This moment; or, when the node is paced, the one after a pause."""
        if self._paces is None:
            return moment
        time.sleep(self._paces.uniform(least, most))
        return time.time()

    def end(self, pod: Json, exit_code: int = 0, seconds: float = 60, reason: str = "") -> None:
        """End all containers of a pod, so long after they started; only `main` has the exit code."""
        started = self._started[pod["metadata"]["uid"]]
        ended = {"startedAt": _time(started), "finishedAt": _time(self._after(started + seconds, 2, 10))}
        states = {
            name: {"terminated": {"exitCode": code, "reason": reason if code and reason else word, **ended}}
            for name, code, word in (
                ("main", exit_code, "Error" if exit_code else "Completed"),
                ("", 0, "Completed"),
            )
        }
        self.status(pod, "Failed" if exit_code else "Succeeded", states["main"], others=states[""])

    def reclaim(self, pod: Json, seconds: float = 30) -> None:
        """Take a spot pod away, so long after its start: it fails, and its containers still look running."""
        started = self._started[pod["metadata"]["uid"]]
        when = _time(self._after(started + seconds, 2, 6))
        condition = {"type": "ContainerInstanceExpired", "status": "True", "lastTransitionTime": when}
        more = {
            "reason": "BidFailed",
            "message": f"The pod is spot instance, and have been released at {when[:16]}Z",
        }
        self.status(
            pod, "Failed", {"running": {"startedAt": _time(started)}}, conditions=[condition], more=more
        )

    def notify(self, pod: Json, reason: str, message: str) -> None:
        """An Event on a pod, as ECI's kubelet sends it."""
        metadata = pod["metadata"]
        about = {
            "kind": "Pod",
            "apiVersion": "v1",
            **{key: metadata[key] for key in ("namespace", "name", "uid")},
        }
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": metadata["namespace"], "generateName": f"{metadata['name']}."},
            "type": "Warning",
            "reason": reason,
            "message": message,
            "involvedObject": about,
            "source": {"component": "kubelet", "host": "eci"},
        }
        self._api.call("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", event)

    def delete(self, pod: Json) -> None:
        """Delete a pod at once, as an eviction does."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._api.call("DELETE", path, {"gracePeriodSeconds": 0})

    def status(
        self,
        pod: Json,
        phase: str,
        state: Mapping[str, Mapping[str, object]],
        *,
        others: Mapping[str, Mapping[str, object]] | None = None,
        conditions: list[Json] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Give a pod this phase and its containers these states."""
        scheduled = _time(created(pod) + 1)
        containers = [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": phase == "Running",
                "restartCount": 0,
                "state": state if others is None or container["name"] == "main" else others,
            }
            for container in pod["spec"]["containers"]
        ]
        placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": scheduled}
        status = {
            "phase": phase,
            "startTime": scheduled,
            "containerStatuses": containers,
            "conditions": [placed, *(conditions or ())],
            **(more or {}),
        }
        metadata = pod["metadata"]
        self._api.patch("v1", "Pod", metadata["name"], metadata["namespace"], {"status": status}, "/status")
