"""Runs the pods of a namespace, and reports them to the API server as a kubelet and its controllers do: pods, their logs, and what is ready."""

import threading
from types import TracebackType
from typing import Self

from cluster.api import ApiError, Json
from cluster.installation import Installation
from cluster.kubelet import Pod
from cluster.virtual_node import VirtualNode

__all__ = ["Reporter"]

PAUSE = 0.2


class Reporter:
    """Reports until its block ends."""

    def __init__(self, site: Installation, node: VirtualNode) -> None:
        self._site, self._node = site, node
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._pods: dict[str, Pod] = {}
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None and self.error is not None:
            raise self.error

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                self._report()
            except ApiError as error:  # what is deleted in between is reported no more
                if error.status not in {404, 409}:
                    self.error = error
                    return
            except BaseException as error:  # noqa: BLE001 - raised where the block ends
                self.error = error
                return

    def _report(self) -> None:
        site = self._site
        site.cluster.kubelet.sync(site.namespace)
        running = {pod.name: pod for pod in site.pods()}
        there = {each["metadata"]["name"] for each in site.api.list("v1", "Pod", site.namespace)}
        for name in (self._pods.keys() & running.keys()) - there:
            # Somebody deleted it: the one that its controller makes in its place.
            running[name].running.kill()
            running[name].start()
            del self._pods[name]
        for name, pod in running.items():
            if name not in self._pods:
                site.api.create(self._manifest(pod))
                # With its address the API server reaches its ports, as a kubelet's report lets it.
                status = {"phase": "Running", "podIP": pod.address.ip, "podIPs": [{"ip": pod.address.ip}]}
                site.api.patch("v1", "Pod", name, site.namespace, {"status": status}, "/status")
            self._node.logs[site.namespace, name] = pod.log.read_bytes() if pod.log.exists() else b""
        for name in self._pods.keys() - running.keys():
            site.api.delete("v1", "Pod", f"{name}", site.namespace)
        self._pods = running
        for kind in ("StatefulSet", "Deployment"):
            for each in site.api.list("apps/v1", kind, site.namespace):
                self._ready(kind, each)

    def _manifest(self, pod: Pod) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod.name,
                "namespace": pod.namespace,
                "labels": pod.template["metadata"].get("labels", {}),
            },
            "spec": {
                "nodeName": self._node.name,
                "serviceAccountName": pod.template["spec"].get("serviceAccountName", "default"),
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": "none"}],
            },
        }

    def _ready(self, kind: str, workload: Json) -> None:
        metadata, count = workload["metadata"], workload["spec"]["replicas"]
        status = {"observedGeneration": metadata["generation"], "replicas": count, "updatedReplicas": count}
        status |= {"readyReplicas": count, "availableReplicas": count}
        if workload.get("status", {}) | status != workload.get("status", {}):
            self._site.api.patch(
                "apps/v1", kind, metadata["name"], metadata["namespace"], {"status": status}, "/status"
            )
