"""An API server on loopback that keeps objects of any kind: discovery, reading, creating, server-side apply as replacing, patches, deleting.

Managed fields are the real one's (tests/cluster/test_apply.py); this one shows what is asked of it, in which order, and refuses as a test says.
"""

import base64
import copy
import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["ObjectsServer", "ready"]

Json = dict[str, Any]
KINDS = {
    "v1": (
        "ServiceAccount",
        "Secret",
        "ConfigMap",
        "Pod",
        "PersistentVolumeClaim",
        "PersistentVolume",
        "Service",
        "Event",
    ),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "argoproj.io/v1alpha1": (
        "EventBus",
        "EventSource",
        "Sensor",
        "Workflow",
        "CronWorkflow",
        "WorkflowTemplate",
        "ClusterWorkflowTemplate",
    ),
    "apps/v1": ("Deployment", "StatefulSet"),
}


MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
CREATED = "2026-11-27T06:00:00Z"


def selected(labels: dict[str, str], selector: str) -> bool:
    """Whether labels have what a selector asks for: key, key=value, key!=value with commas between them, or `key in (a,b)`."""
    if several := re.fullmatch(r"(\S+) in \((\S+)\)", selector):
        return labels.get(several[1]) in several[2].split(",")
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


def edited(live: Json, operations: list[Json]) -> Json:
    """A JSON patch (RFC 6902) that replaces and removes."""
    found = copy.deepcopy(live)
    for each in operations:
        *parents, last = [part.replace("~1", "/") for part in each["path"].split("/")[1:]]
        place = found
        for part in parents:
            place = place[part]
        if each["op"] == "remove":
            del place[last]
        else:
            place[last] = each["value"]
    return found


def patched(live: Json, changes: Json | list[Json]) -> Json | None:
    """An object after a patch; None if the patch was made of another version of it."""
    found: Json = edited(live, changes) if isinstance(changes, list) else merged(live, changes)
    version = live["metadata"]["resourceVersion"]
    if found["metadata"]["resourceVersion"] != version:
        return None
    return {**found, "metadata": {**found["metadata"], "resourceVersion": str(int(version) + 1)}}


class ObjectsServer:
    """Objects by the path at which they are."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.writes: list[str] = []
        self.orphaning: list[str] = []
        """METHOD name of each request that changed something, in order."""
        self.refuse: Callable[[str, str, bool], tuple[int, str] | None] = lambda _method, _path, _trial: None
        """Status and message for a request: method, path, whether it is a trial."""
        self.fault: Callable[[_Handler, Any], bool] = lambda _handler, _body: False
        """Does something to a request: its handler, its body; True if that was all."""
        self.created = CREATED
        """When what is created next was created."""
        self.lock = threading.Lock()
        self.managed: dict[str, list[Json]] = {}
        """Path → the managed fields in the answer to an apply of this object."""
        self.logs: dict[str, str] = {}
        """Pod → the log of its main container."""
        self.user = "ada@example.com"
        """Whom it takes everybody for; empty = it has no such review."""
        self.proxied: dict[str, Any] = {}
        """Path of a pod's or Service's proxy, such as `eventbus-default-js-0:8222/proxy/jsz` → status and content of the answer, or a
        function that makes them of the request's headers and body."""
        self.allows: Callable[[Json], bool] = lambda _attributes: True
        """Whether the account of a SubjectAccessReview has these attributes, with its user under `user`."""
        self.date: str | None = None
        """The Date header in place of the true one."""
        self.kinds: dict[str, tuple[str, ...]] = dict(KINDS)
        handler = type("Bound", (_Handler,), {"server_of_objects": self})
        self._server = _Server(("127.0.0.1", 0), handler)
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

    def create(self, path: str, manifest: Json) -> None:
        """Create an object in a collection as a request would; nothing happens if it is there."""
        with self.lock:
            self._store(path, manifest)

    def _store(self, path: str, body: Json) -> Json | None:
        """The object that a request has created; None if there is one of this name."""
        path = f"{path}/{body['metadata']['name']}"
        if path in self.objects:
            return None
        made = {**body["metadata"], "uid": path, "resourceVersion": "1"}
        self.objects[path] = {**body, "metadata": {"creationTimestamp": self.created, **made}}
        self.writes.append(f"POST {body['kind']}/{body['metadata']['name']}")
        return self.objects[path]

    def put(self, path: str, manifest: Json) -> None:
        """Make an object behind everybody's back."""
        self.objects[path] = manifest


def ready(server: ObjectsServer, *, subscribed: bool) -> None:
    """Give every object what its controller would give it."""
    for path, each in list(server.objects.items()):
        kind, name = each["kind"], each["metadata"]["name"]
        label = {"EventBus": "owner-name", "EventSource": "eventsource-name", "Sensor": "sensor-name"}.get(
            kind
        )
        if label is None:
            continue
        each["status"] = {"conditions": [{"type": "Deployed", "status": "True"}]}
        carried = base64.b64encode(json.dumps({"spec": each["spec"]}).encode()).decode()
        variable = "SENSOR_OBJECT" if kind == "Sensor" else "EVENTSOURCE_OBJECT"
        env = [] if kind == "EventBus" else [{"name": variable, "value": carried}]
        workload = "StatefulSet" if kind == "EventBus" else "Deployment"
        status = {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
        made: dict[str, Any] = {
            "kind": workload,
            "metadata": {
                "name": name,
                "namespace": "ci",
                "labels": {label: name},
                "generation": 1,
                "ownerReferences": [{"uid": path}],
            },
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "main", "env": env}]}}},
            "status": status,
        }
        server.put(f"/apis/apps/v1/namespaces/ci/{workload.lower()}s/{name}-{kind.lower()}", made)
        if kind == "Sensor":
            server.put(
                f"/api/v1/namespaces/ci/pods/{name}-0",
                {
                    "kind": "Pod",
                    "metadata": {"name": f"{name}-0", "namespace": "ci", "labels": {label: name}},
                },
            )
            triggers = [trigger["template"]["name"] for trigger in each["spec"]["triggers"]]
            lines = [
                f"started subscribing to events for trigger {trigger} with client" for trigger in triggers
            ]
            server.logs[f"{name}-0"] = "\n".join(lines) if subscribed else "Sensor started."


def plural(kind: str) -> str:
    """The last part of a collection's path."""
    return kind.lower() if kind == "EventBus" else f"{kind.lower()}s"


def _lists(path: str, collection: str) -> bool:
    """Whether a list at a path holds what a collection holds: its own, or that of every namespace."""
    everywhere = re.sub(r"/namespaces/[^/]+", "", collection)
    return path in (collection, everywhere)


def _selected(found: Json, query: dict[str, str]) -> bool:
    """Whether an object is among those that a request selects by labels and fields."""
    for field in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, wanted = field.partition("=")
        value: Any = found
        for part in path.split("."):
            value = value.get(part, {})
        if value != wanted:
            return False
    return selected(found["metadata"].get("labels", {}), query.get("labelSelector", ""))


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of whoever has gone away: tests kill those that ask."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server_of_objects: ObjectsServer
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: a client that delays its acknowledgement of the first would wait 40 ms for the second.
    wbufsize = -1

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header."""
        return self.server_of_objects.date or super().date_time_string(timestamp)

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status: int, body: Any, **headers: str) -> None:
        """Answer with JSON, or with a text as it is."""
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _handle(self) -> None:
        server, url = self.server_of_objects, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length)
        if len(sent) < length:
            # Whoever asked was killed.
            self.close_connection = True
            return
        body = json.loads(sent or b"null")
        trial = "dryRun" in query
        if server.fault(self, body):
            return
        if refused := server.refuse(self.command, url.path, trial):
            self.answer(refused[0], {"reason": "Refused", "message": refused[1]})
            return
        version = "/".join(url.path.split("/")[2:4]) if url.path.startswith("/apis/") else "v1"
        if url.path in (f"/apis/{version}", f"/api/{version}"):
            if version not in server.kinds:
                self.answer(404, {"message": "no such group"})
                return
            found = [
                {"name": plural(kind), "kind": kind, "namespaced": not kind.startswith("Cluster")}
                for kind in server.kinds[version]
            ]
            self.answer(200, {"resources": [*found, {"name": "x/status", "kind": "X", "namespaced": True}]})
        elif url.path.endswith("/selfsubjectreviews"):
            if server.user and version.endswith("/v1"):
                self.answer(201, {"status": {"userInfo": {"username": server.user}}})
            else:
                self.answer(404, {"message": "no such resource"})
        elif url.path == "/version":
            self.answer(200, {"gitVersion": "v1.34.4"})
        elif url.path.endswith("/subjectaccessreviews"):
            asked = {"user": body["spec"]["user"], **body["spec"]["resourceAttributes"]}
            self.answer(201, {**body, "status": {"allowed": server.allows(asked)}})
        elif "/proxy/" in url.path:
            place = re.split("/(?:pods|services)/", url.path)[-1]
            answer = server.proxied.get(place, (503, {"message": "no endpoint"}))
            self.answer(*(answer(self.headers, sent) if callable(answer) else answer))
        elif url.path.endswith("/log"):
            self.answer(200, server.logs.get(url.path.split("/")[-2], ""))
        else:
            with server.lock:
                self._object(url.path, query, body, trial=trial)

    def _object(self, path: str, query: dict[str, str], body: Any, *, trial: bool) -> None:
        objects, name = self.server_of_objects.objects, path.rpartition("/")[2]
        match self.command:
            case "GET" if path in objects:
                self.answer(200, objects[path])
            case "GET" if any(plural(kind) == name for kinds in KINDS.values() for kind in kinds):
                self.answer(200, {"items": self._found(path, query), "metadata": {}})
            case "POST":
                made = self.server_of_objects._store(path, body)
                if made is None:
                    self.answer(409, {"reason": "AlreadyExists", "message": "there is one of this name"})
                else:
                    self.answer(201, made)
            case "PATCH" if path in objects and self.headers["Content-Type"] in (MERGE_PATCH, JSON_PATCH):
                changed = patched(objects[path], body)
                if changed is None:
                    self.answer(409, {"reason": "Conflict", "message": "the object has been modified"})
                    return
                objects[path] = changed
                self.server_of_objects.writes.append(f"PATCH {changed['kind']}/{name}")
                self.answer(200, changed)
            case "PATCH" if isinstance(body, dict):
                made = {**body, "metadata": {**body["metadata"], "uid": path, "resourceVersion": "1"}}
                if path in self.server_of_objects.managed:
                    made["metadata"]["managedFields"] = self.server_of_objects.managed[path]
                if path in objects and "status" in objects[path]:
                    made["status"] = objects[path]["status"]
                if not trial:
                    objects[path] = made
                    self.server_of_objects.writes.append(f"PATCH {body['kind']}/{name}")
                self.answer(200, made)
            case "DELETE" if path in objects:
                kind = objects.pop(path)["kind"]
                self.server_of_objects.writes.append(f"DELETE {kind}/{name}")
                if query.get("propagationPolicy") == "Orphan":
                    self.server_of_objects.orphaning.append(f"{kind}/{name}")
                self.answer(200, {})
            case _:
                self.answer(404, {"reason": "NotFound", "message": f"{name} not found"})

    def _found(self, path: str, query: dict[str, str]) -> list[dict[str, Any]] | None:
        """What a list holds."""
        found = [
            each
            for place, each in self.server_of_objects.objects.items()
            if _lists(path, place.rpartition("/")[0]) and _selected(each, query)
        ]
        if "PartialObjectMetadataList" in self.headers.get("Accept", ""):
            # Without an object the real one answers null.
            return [{"metadata": each["metadata"]} for each in found] or None
        return found

    do_GET = do_PATCH = do_POST = do_DELETE = _handle  # noqa: N815 - the names that the server calls
