"""An API server on loopback that keeps objects of any kind: discovery, reading, creating, server-side apply as replacing, merge patches, deleting.

Managed fields are the real one's (tests/cluster/test_apply.py); this one shows what is asked of it, in which order, and refuses as a test says.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["ObjectsServer"]

Json = dict[str, Any]
KINDS = {
    "v1": ("ServiceAccount", "Secret", "ConfigMap", "Pod", "PersistentVolumeClaim", "Event"),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
    "argoproj.io/v1alpha1": ("EventBus", "EventSource", "Sensor", "CronWorkflow", "Workflow"),
    "apps/v1": ("Deployment", "StatefulSet"),
}


MERGE_PATCH = "application/merge-patch+json"
CREATED = "2026-11-27T06:00:00Z"


def selected(labels: dict[str, str], selector: str) -> bool:
    """Whether labels have what a selector asks for: key, key=value and key!=value, with commas between them."""
    for part in filter(None, selector.split(",")):
        key, other, unwanted = part.partition("!=")
        name, equals, value = part.partition("=")
        if other:
            chosen = labels.get(key) != unwanted
        else:
            chosen = labels.get(name) == value if equals else name in labels
        if not chosen:
            return False
    return True


def merged(live: Any, changes: Any) -> Any:
    """A merge patch (RFC 7386)."""
    if not isinstance(changes, dict):
        return changes
    found = dict(live) if isinstance(live, dict) else {}
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


class ObjectsServer:
    """Objects by the path at which they are."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.writes: list[str] = []
        """METHOD name of each request that changed something, in order."""
        self.refuse: Callable[[str, str, bool], tuple[int, str] | None] = lambda _method, _path, _trial: None
        """Status and message for a request: method, path, whether it is a trial."""
        self.logs: dict[str, str] = {}
        """Pod → the log of its main container."""
        self.user = "ada@example.com"
        """Whom it takes everybody for; empty = it has no such review."""
        self.kinds: dict[str, tuple[str, ...]] = dict(KINDS)
        handler = type("Bound", (_Handler,), {"server_of_objects": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, folder: Path) -> Path:
        """A file in this folder that leads here."""
        path = folder / "kubeconfig"
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "x",
                    "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                    "clusters": [{"name": "x", "cluster": {"server": url}}],
                    "users": [{"name": "x", "user": {}}],
                }
            )
        )
        return path

    def names(self) -> set[str]:
        """Kind/name of everything that is there."""
        return {f"{each['kind']}/{each['metadata']['name']}" for each in self.objects.values()}

    def put(self, path: str, manifest: Json) -> None:
        """Make an object behind everybody's back."""
        self.objects[path] = manifest


def plural(kind: str) -> str:
    """The last part of a collection's path."""
    return kind.lower() if kind == "EventBus" else f"{kind.lower()}s"


class _Handler(BaseHTTPRequestHandler):
    server_of_objects: ObjectsServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: Any) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _handle(self) -> None:
        server, url = self.server_of_objects, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        trial = "dryRun" in query
        if refused := server.refuse(self.command, url.path, trial):
            self._answer(refused[0], {"reason": "Refused", "message": refused[1]})
            return
        version = "/".join(url.path.split("/")[2:4]) if url.path.startswith("/apis/") else "v1"
        if url.path in (f"/apis/{version}", f"/api/{version}"):
            if version not in server.kinds:
                self._answer(404, {"message": "no such group"})
                return
            found = [
                {"name": plural(kind), "kind": kind, "namespaced": True} for kind in server.kinds[version]
            ]
            self._answer(200, {"resources": [*found, {"name": "x/status", "kind": "X", "namespaced": True}]})
        elif url.path.endswith("/selfsubjectreviews"):
            if server.user and version.endswith("/v1"):
                self._answer(201, {"status": {"userInfo": {"username": server.user}}})
            else:
                self._answer(404, {"message": "no such resource"})
        elif url.path.endswith("/log"):
            self._answer(200, server.logs.get(url.path.split("/")[-2], ""))
        else:
            self._object(url.path, query, body, trial=trial)

    def _object(self, path: str, query: dict[str, str], body: Any, *, trial: bool) -> None:
        objects, name = self.server_of_objects.objects, path.rpartition("/")[2]
        match self.command:
            case "GET" if path in objects:
                self._answer(200, objects[path])
            case "GET" if any(plural(kind) == name for kinds in KINDS.values() for kind in kinds):
                found = [
                    each
                    for place, each in objects.items()
                    if place.rpartition("/")[0] == path
                    and selected(each["metadata"].get("labels", {}), query.get("labelSelector", ""))
                ]
                if "PartialObjectMetadataList" in self.headers.get("Accept", ""):
                    # Without an object the real one answers null.
                    found = [{"metadata": each["metadata"]} for each in found] or None  # type: ignore[assignment]
                self._answer(200, {"items": found, "metadata": {}})
            case "POST" if f"{path}/{body['metadata']['name']}" in objects:
                self._answer(409, {"reason": "AlreadyExists", "message": "there is one of this name"})
            case "POST":
                path = f"{path}/{body['metadata']['name']}"
                made = {**body, "metadata": {**body["metadata"], "uid": path, "resourceVersion": "1"}}
                objects[path] = {**made, "metadata": {"creationTimestamp": CREATED, **made["metadata"]}}
                self.server_of_objects.writes.append(f"POST {body['kind']}/{body['metadata']['name']}")
                self._answer(201, objects[path])
            case "PATCH" if path in objects and self.headers["Content-Type"] == MERGE_PATCH:
                live = objects[path]
                version = live["metadata"]["resourceVersion"]
                if body["metadata"].pop("resourceVersion", version) != version:
                    self._answer(409, {"reason": "Conflict", "message": "the object has been modified"})
                    return
                objects[path] = merged(live, body)
                objects[path]["metadata"]["resourceVersion"] = str(int(version) + 1)
                self.server_of_objects.writes.append(f"PATCH {live['kind']}/{name}")
                self._answer(200, objects[path])
            case "PATCH" if isinstance(body, dict):
                made = {**body, "metadata": {**body["metadata"], "uid": path, "resourceVersion": "1"}}
                if path in objects and "status" in objects[path]:
                    made["status"] = objects[path]["status"]
                if not trial:
                    objects[path] = made
                    self.server_of_objects.writes.append(f"PATCH {body['kind']}/{name}")
                self._answer(200, made)
            case "DELETE" if path in objects:
                kind = objects.pop(path)["kind"]
                self.server_of_objects.writes.append(f"DELETE {kind}/{name}")
                self._answer(200, {})
            case _:
                self._answer(404, {"reason": "NotFound", "message": f"{name} not found"})

    do_GET = do_PATCH = do_POST = do_DELETE = _handle  # noqa: N815 - the names that the server calls
