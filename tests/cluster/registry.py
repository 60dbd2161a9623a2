"""A real registry (Debian's docker-registry) that notifies an event source, and images pushed to it by plain HTTP."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import urllib3
import yaml
from cluster.network import CONTROL_PLANE
from cluster.processes import Process
from cluster.waiting import until

__all__ = ["Registry"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry:
    """A running registry."""

    def __init__(self, folder: Path, endpoint: str, token: str) -> None:
        """Start it.

        Args:
            folder: For its storage, configuration and log.
            endpoint: URL that it notifies.
            token: What it proves itself with there.
        """
        self.url = f"http://{CONTROL_PLANE}:5000"
        notified = {"name": "hookline", "url": endpoint, "timeout": "2s", "threshold": 3, "backoff": "1s"}
        settings = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
            "http": {"addr": f"{CONTROL_PLANE}:5000"},
            "notifications": {"endpoints": [notified | {"headers": {"Authorization": [f"Bearer {token}"]}}]},
        }
        (folder / "registry.yml").write_text(yaml.safe_dump(settings))
        self._http = urllib3.PoolManager(retries=False, timeout=10)
        self._process = Process(
            "docker-registry",
            ["docker-registry", "serve", str(folder / "registry.yml")],
            folder / "registry.log",
            {"PATH": "/usr/bin:/usr/sbin"},
        )
        until(self._ready, "the registry is ready", 30)

    def _ready(self) -> bool:
        self._process.check()
        try:
            return self._http.request("GET", f"{self.url}/v2/").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()

    def _sent(self, method: str, url: str, status: int, body: bytes = b"", content_type: str = "") -> Any:
        answer = self._http.request(method, url, body=body, headers={"Content-Type": content_type})
        if answer.status != status:
            raise AssertionError(f"{method} {url}: {answer.status} {answer.data[:300]!r}")
        return answer

    def _blob(self, name: str, content: bytes, media_type: str) -> dict[str, Any]:
        upload = self._sent("POST", f"{self.url}/v2/{name}/blobs/uploads/", 202).headers["Location"]
        self._sent("PUT", f"{upload}&digest={_digest(content)}", 201, content, "application/octet-stream")
        return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}

    def _manifest(self, name: str, reference: str | None, value: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(value).encode()
        where = f"{self.url}/v2/{name}/manifests/{reference or _digest(content)}"
        self._sent("PUT", where, 201, content, value["mediaType"])
        return {"mediaType": value["mediaType"], "digest": _digest(content), "size": len(content)}

    def push(self, name: str, tag: str | None, content: bytes, architecture: str = "amd64") -> dict[str, Any]:
        """An image of one layer, under a tag or by its digest alone; its descriptor."""
        config = json.dumps(
            {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers"}}
        ).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(name, config, CONFIG),
            "layers": [self._blob(name, content, LAYER)],
        }
        return self._manifest(name, tag, manifest)

    def push_index(self, name: str, tag: str, architectures: Sequence[str]) -> dict[str, Any]:
        """An image of several architectures, as docker buildx pushes it: the parts by digest, the index by tag."""
        parts = [
            self.push(name, None, f"layer of {each}".encode(), each)
            | {"platform": {"architecture": each, "os": "linux"}}
            for each in architectures
        ]
        return self._manifest(name, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": parts})
