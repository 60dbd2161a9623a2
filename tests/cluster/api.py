"""The API server, asked as a test needs it: JSON in and out, and no models that could hide a field."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

__all__ = ["Api", "ApiError", "Json"]

Json = dict[str, Any]

PLURALS = {
    "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "ConfigMap": "configmaps",
    "CronWorkflow": "cronworkflows",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "EndpointSlice": "endpointslices",
    "EventBus": "eventbus",
    "EventSource": "eventsources",
    "Ingress": "ingresses",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "Node": "nodes",
    "PersistentVolume": "persistentvolumes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "Sensor": "sensors",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "StatefulSet": "statefulsets",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "Workflow": "workflows",
    "WorkflowTemplate": "workflowtemplates",
    "WorkflowTaskResult": "workflowtaskresults",
}
BUSY_SECONDS = 120.0
CLUSTER_WIDE = {
    "ClusterWorkflowTemplate",
    "CustomResourceDefinition",
    "Namespace",
    "Node",
    "PersistentVolume",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


class ApiError(Exception):
    """The API server said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """One user's view of the API server."""

    def __init__(self, server: str, authority: Path, token: str) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._pool = urllib3.PoolManager(ca_certs=str(authority), retries=False, timeout=120, maxsize=4)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """One request.

        Raises:
            ApiError: The answer is an error.
        """
        found: Json = self._answered(method, path, body, query, content_type).json()
        return found

    def _answered(
        self, method: str, path: str, body: Any, query: Mapping[str, str] | None, content_type: str
    ) -> urllib3.BaseHTTPResponse:
        end = time.monotonic() + BUSY_SECONDS
        while True:
            response = self._pool.request(
                method,
                f"{self._server}{path}?{urlencode(query or {})}",
                body=body if body is None or isinstance(body, str) else json.dumps(body),
                headers=self._headers | {"Content-Type": content_type},
            )
            # 429 until the storage of a kind is ready, after a restart for instance: clients of Kubernetes ask again.
            if response.status != 429 or time.monotonic() > end:
                break
            time.sleep(0.1)
        if response.status >= 300:
            try:
                message = response.json()["message"]
            except (ValueError, KeyError, TypeError):
                message = response.data.decode("utf-8", "replace")
            raise ApiError(response.status, message)
        return response

    def ready(self) -> bool:
        """Whether the API server is."""
        try:
            answer = self._pool.request("GET", f"{self._server}/readyz", headers=self._headers, timeout=10)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    @staticmethod
    def path(api_version: str, kind: str, namespace: str | None = None, name: str | None = None) -> str:
        """Of an object, or of its collection."""
        parts = ["", "apis" if "/" in api_version else "api", api_version]
        if namespace is not None and kind not in CLUSTER_WIDE:
            parts += ["namespaces", namespace]
        parts.append(PLURALS[kind])
        if name is not None:
            parts.append(name)
        return "/".join(parts)

    def apply(self, manifest: Mapping[str, Any], text: str | None = None) -> Json:
        """Server-side apply; of the YAML text where one is given, which the API server then parses."""
        metadata = manifest["metadata"]
        path = self.path(
            manifest["apiVersion"], manifest["kind"], metadata.get("namespace"), metadata["name"]
        )
        return self.call(
            "PATCH",
            path,
            text or manifest,
            {"fieldManager": "cluster-test", "force": "true"},
            "application/apply-patch+yaml",
        )

    def tried(self, manifest: Mapping[str, Any], text: str | None = None) -> list[str]:
        """Apply an object, or the text that stands for it, without effect: what the API server warns of.

        Raises:
            ApiError: It refuses the object; a field that it does not know is refused, too.
        """
        metadata = manifest["metadata"]
        path = self.path(
            manifest["apiVersion"], manifest["kind"], metadata.get("namespace"), metadata["name"]
        )
        query = {
            "fieldManager": "cluster-test",
            "force": "true",
            "dryRun": "All",
            "fieldValidation": "Strict",
        }
        response = self._answered("PATCH", path, text or manifest, query, "application/apply-patch+yaml")
        return list(response.headers.getlist("Warning"))

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """A new object; with a dry run, only what the API server says to it, unknown fields included."""
        metadata = manifest["metadata"]
        return self.call(
            "POST",
            self.path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace")),
            manifest,
            {"dryRun": "All", "fieldValidation": "Strict"} if dry_run else {},
        )

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Json:
        """One object."""
        return self.call("GET", self.path(api_version, kind, namespace, name))

    def list(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[Json]:
        """All objects of a kind, whole."""
        query = {"labelSelector": labels} if labels else {}
        found: list[Json] = self.call("GET", self.path(api_version, kind, namespace), query=query)["items"]
        return found

    def watch(self, api_version: str, kind: str, namespace: str) -> Iterator[Json]:
        """Every change of a kind from now on, as long as the API server tells: type and object."""
        response = self._pool.request(
            "GET",
            f"{self._server}{self.path(api_version, kind, namespace)}?watch=1",
            headers=self._headers,
            preload_content=False,
            timeout=None,
        )
        yield from map(json.loads, response)

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Json:
        """Delete one object."""
        return self.call("DELETE", self.path(api_version, kind, namespace, name))

    def delete_all(self, api_version: str, kind: str, namespace: str) -> Json:
        """Delete every object of a kind in a namespace."""
        return self.call("DELETE", self.path(api_version, kind, namespace))

    def patch(
        self, api_version: str, kind: str, name: str, namespace: str | None, body: Any, part: str = ""
    ) -> Json:
        """Merge-patch an object, or a part of it such as /status."""
        return self.call(
            "PATCH",
            self.path(api_version, kind, namespace, name) + part,
            body,
            content_type="application/merge-patch+json",
        )

    def token(self, namespace: str, account: str) -> str:
        """A token of a service account."""
        path = self.path("v1", "ServiceAccount", namespace, account) + "/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self.call("POST", path, request)["status"]["token"])
