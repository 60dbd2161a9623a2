"""An API server on loopback that lists and watches what a test puts in, and fails as the test says."""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Fault = Callable[["Handler", dict[str, str]], bool]
"""Does something to a request; True if that was all."""


class Watcher(queue.Queue[tuple[str, Json] | None]):
    """A watch of one collection, of all namespaces or of one."""

    def __init__(self, collection: str, namespace: str) -> None:
        super().__init__()
        self.collection, self.namespace = collection, namespace


def within(raw: Json, namespace: str) -> bool:
    """Whether an object is in a namespace; one without a namespace is in each."""
    return not namespace or raw["metadata"].get("namespace", namespace) == namespace


class FakeApiServer:
    """Collections of objects by the last part of their path, logs of pods, leases. Versions count up from 1."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Json]] = {"workflows": {}, "pods": {}, "events": {}}
        self.objects = self.collections["workflows"]
        self.version = 1
        self.oldest = 0
        """Watches from before this version are told 410."""
        self.history: list[tuple[int, str, str, Json]] = []
        """Version, collection, type, object."""
        self.watchers: list[Watcher] = []
        self.faults: dict[str, list[Fault]] = {
            "list": [],
            "watch": [],
            "log": [],
            "lease": [],
            "patch": [],
            "get": [],
        }
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.asked: list[tuple[str, str]] = []
        """Method and path with its query of each request."""
        self.forbidden: set[str] = set()
        """Namespaces of which nothing may be read."""
        self.logs: dict[str, bytes] = {}
        self.leases: dict[str, Json] = {}
        self.token: str | None = None
        self.streaming_lists: bool | None = True
        """Offered, refused, or taken for a watch."""
        self.page_limit: int | None = None
        self.spoiled: dict[str, bytes] = {}
        """uid → what is sent in place of the object."""
        self.lock = threading.RLock()
        self._ended = False
        handler = type("BoundHandler", (Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def stop(self) -> None:
        self.end_all_watches()
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, folder: Path) -> Path:
        """A file in this folder that leads here."""
        path = folder / "kubeconfig"
        path.write_text(
            f"apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\n"
            f"clusters: [{{name: x, cluster: {{server: '{self.url}'}}}}]\nusers: [{{name: x, user: {{}}}}]\n"
        )
        return path

    # What tests do to it

    def give_lease(self, name: str, holder: str) -> None:
        """Another holder: whoever read the lease before may not write it."""
        with self.lock:
            self.version += 1
            self.leases[name]["spec"]["holderIdentity"] = holder
            self.leases[name]["metadata"]["resourceVersion"] = str(self.version)

    def put(self, uid: str, silently: bool = False, **fields: Any) -> Json:
        """Make or change a Workflow; silently: no watch hears of it."""
        return self.store("workflows", {**fields, "metadata": {"uid": uid, "name": uid}}, silently=silently)

    def store(self, collection: str, raw: Json, *, silently: bool = False) -> Json:
        """Make or change any object."""
        with self.lock:
            self.version += 1
            uid = raw["metadata"]["uid"]
            kind = "MODIFIED" if uid in self.collections[collection] else "ADDED"
            raw = {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(self.version)}}
            self.collections[collection][uid] = raw
            self._tell(collection, kind, raw, silently)
            return raw

    def named(self, name: str) -> Json | None:
        """The Workflow of this name."""
        return next((each for each in self.objects.values() if each["metadata"]["name"] == name), None)

    def spoil(self, collection: str, uid: str, data: bytes) -> None:
        """Make an object that lists and watches give as these bytes."""
        self.spoiled[uid] = data
        self.store(collection, {"metadata": {"uid": uid}})

    def encoded(self, raw: Json) -> bytes:
        return self.spoiled.get(raw["metadata"].get("uid"), b"") or json.dumps(raw).encode()

    def delete(self, uid: str, silently: bool = False, collection: str = "workflows") -> None:
        with self.lock:
            self.version += 1
            raw = self.collections[collection].pop(uid)
            raw = {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(self.version)}}
            self._tell(collection, "DELETED", raw, silently)

    def bookmark(self, version: int | None = None, **annotations: str) -> None:
        with self.lock:
            raw = {
                "kind": "Bookmark",
                "metadata": {"resourceVersion": str(version or self.version), "annotations": annotations},
            }
            for each in self.watchers:
                each.put(("BOOKMARK", raw))

    def send(self, kind: str, raw: Json) -> None:
        """Send an event that is not true to all watches."""
        for each in self.watchers:
            each.put((kind, raw))

    def compact(self) -> None:
        """Forget the past: who watches from an old version gets 410."""
        with self.lock:
            self.version += 1
            self.oldest = self.version
            self.history.clear()

    def end_watches(self) -> None:
        with self.lock:
            for each in self.watchers:
                each.put(None)
            self.watchers.clear()

    def end_all_watches(self) -> None:
        """End the watches, and from now on each new one at once: nobody that is ending waits for what never comes."""
        with self.lock:
            self._ended = True
            self.end_watches()

    def follow(self, watcher: Watcher) -> None:
        """Tell it of what changes from now on; the caller has the lock."""
        if self._ended:
            watcher.put(None)
        else:
            self.watchers.append(watcher)

    def fail(self, kind: str, *faults: Fault) -> None:
        """The next requests of this kind (list, watch, log, lease, patch, get) go wrong so, one each."""
        self.faults[kind] += faults

    def _tell(self, collection: str, kind: str, raw: Json, silently: bool) -> None:
        if silently:
            return
        self.history.append((self.version, collection, kind, raw))
        for each in self.watchers:
            if each.collection == collection and within(raw, each.namespace):
                each.put((kind, raw))


def status(code: int, reason: str = "", **headers: str) -> Fault:
    """Answer with an error."""

    def fault(handler: "Handler", _: dict[str, str]) -> bool:
        body = {"kind": "Status", "code": code, "reason": reason, "message": f"{code} as the test wants"}
        handler.answer(code, json.dumps(body).encode(), **headers)
        return True

    return fault


def reset(handler: "Handler", _: dict[str, str]) -> bool:
    """Close the connection without an answer."""
    handler.close_connection = True
    handler.connection.close()
    return True


def raw_stream(*lines: bytes) -> Fault:
    """Answer a watch with these bytes, then end."""

    def fault(handler: "Handler", _: dict[str, str]) -> bool:
        handler.answer(200, b"".join(lines))
        return True

    return fault


class Handler(BaseHTTPRequestHandler):
    """Serves one request."""

    api: FakeApiServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.endswith("/log"):
            kind = "log"
        elif "/leases/" in url.path:
            kind = "lease"
        elif "/workflows/" in url.path or url.path.endswith("/v1alpha1"):
            kind = "get"
        else:
            kind = "watch" if query.get("watch") else "list"
        api = self.api
        namespace = url.path.partition("/namespaces/")[2].partition("/")[0]
        with api.lock:
            api.requests.append((kind, query))
            api.asked.append(("GET", self.path))
            fault = api.faults[kind].pop(0) if api.faults[kind] else None
        if api.token is not None and self.headers.get("Authorization") != f"Bearer {api.token}":
            fault = status(401, "Unauthorized")
        if namespace in api.forbidden:
            fault = status(403, "Forbidden")
        if fault is not None and fault(self, query):
            return
        if kind == "log":
            self._log(url.path, query)
        elif kind == "lease":
            self._lease(url.path)
        elif kind == "get":
            self._one(url.path)
        elif kind == "watch":
            self._watch(url.path.rpartition("/")[2], namespace, query)
        else:
            self._list(url.path.rpartition("/")[2], namespace, query)

    def _log(self, path: str, query: dict[str, str]) -> None:
        log = self.api.logs.get(path.split("/")[-2])
        if log is None:
            status(404, "NotFound")(self, query)
        else:
            if "tailLines" in query:
                log = b"".join(log.splitlines(keepends=True)[-int(query["tailLines"]) :])
            self.answer(200, log[: int(query.get("limitBytes", len(log)))])

    def _lease(self, path: str) -> None:
        found = self.api.leases.get(path.rpartition("/")[2])
        if found is None:
            status(404, "NotFound")(self, {})
        else:
            self.answer(200, json.dumps(found).encode())

    def _one(self, path: str) -> None:
        """A Workflow by its name; or the resources of its group."""
        if path.endswith("/v1alpha1"):
            known = {"name": "workflows", "kind": "Workflow", "namespaced": True}
            self.answer(200, json.dumps({"resources": [known]}).encode())
            return
        with self.api.lock:
            found = self.api.named(path.rpartition("/")[2])
        if found is None:
            status(404, "NotFound")(self, {})
        else:
            self.answer(200, json.dumps(found).encode())

    def do_PATCH(self) -> None:
        """A merge patch of a Workflow's annotations and spec; as the real server, it refuses another uid, and an old version."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        api, name = self.api, self.path.rpartition("/")[2]
        with api.lock:
            api.requests.append(("patch", {"name": name}))
            fault = api.faults["patch"].pop(0) if api.faults["patch"] else None
            found = api.named(name)
            if fault is not None and fault(self, {}):
                return
            if found is None:
                status(404, "NotFound")(self, {})
                return
            metadata = found["metadata"]
            if body["metadata"].get("uid", metadata["uid"]) != metadata["uid"]:
                status(409, "Conflict")(self, {})
                return
            version = metadata["resourceVersion"]
            if body["metadata"].get("resourceVersion", version) != version:
                status(409, "Conflict")(self, {})
                return
            annotations = {**metadata.get("annotations", {}), **body["metadata"]["annotations"]}
            spec = {
                key: value
                for key, value in {**found.get("spec", {}), **body.get("spec", {})}.items()
                if value is not None
            }
            marked = {**metadata, "annotations": annotations}
            changed = api.store("workflows", {**found, "metadata": marked, "spec": spec})
        self.answer(200, json.dumps(changed).encode())

    def do_POST(self) -> None:
        self._write_lease("POST")

    def do_PUT(self) -> None:
        self._write_lease("PUT")

    def _write_lease(self, method: str) -> None:
        api = self.api
        api.asked.append((method, self.path))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = body["metadata"]["name"]
        with api.lock:
            if api.faults["lease"]:
                api.faults["lease"].pop(0)(self, {})
                return
            found = api.leases.get(name)
            if (found is not None) != (method == "PUT") or (
                found is not None
                and body["metadata"].get("resourceVersion") != found["metadata"]["resourceVersion"]
            ):
                status(409, "Conflict")(self, {})
                return
            api.version += 1
            body["metadata"]["resourceVersion"] = str(api.version)
            api.leases[name] = body
        self.answer(200, json.dumps(body).encode())

    def _list(self, collection: str, namespace: str, query: dict[str, str]) -> None:
        api = self.api
        with api.lock:
            stored = api.collections[collection]
            objects = {uid: raw for uid, raw in stored.items() if within(raw, namespace)}
            uids = sorted(objects)
            limit = api.page_limit or int(query.get("limit", "500"))
            begin = int(query.get("continue", "0"))
            chosen = uids[begin : begin + limit]
            metadata: Json = {"resourceVersion": str(api.version)}
            if begin + limit < len(uids):
                metadata["continue"] = str(begin + limit)
            items = b",".join(api.encoded(objects[uid]) for uid in chosen)
        self.answer(200, b'{"metadata":%s,"items":[%s]}' % (json.dumps(metadata).encode(), items))

    def _watch(self, collection: str, namespace: str, query: dict[str, str]) -> None:
        api = self.api
        events = Watcher(collection, namespace)
        with api.lock:
            if query.get("sendInitialEvents"):
                if api.streaming_lists is False:
                    status(422, "Invalid")(self, query)
                    return
                for raw in api.collections[collection].values():
                    if within(raw, namespace):
                        events.put(("ADDED", raw))
                end = {"k8s.io/initial-events-end": "true"}
                if api.streaming_lists:
                    events.put(
                        ("BOOKMARK", {"metadata": {"resourceVersion": str(api.version), "annotations": end}})
                    )
            else:
                begin = int(query["resourceVersion"])
                if begin < api.oldest:
                    status(410, "Expired")(self, query)
                    return
                for version, place, kind, raw in api.history:
                    if version > begin and place == collection and within(raw, namespace):
                        events.put((kind, raw))
            api.follow(events)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while (event := events.get()) is not None:
                line = b'{"type":"%s","object":%s}\n' % (event[0].encode(), api.encoded(event[1]))
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True


@contextmanager
def fake_api_server() -> Iterator[FakeApiServer]:
    server = FakeApiServer()
    try:
        yield server
    finally:
        server.stop()
