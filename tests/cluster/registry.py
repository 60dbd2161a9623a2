"""A real registry (Debian's docker-registry) that notifies an event source, and images pushed to it by plain HTTP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import urllib3
import yaml
from cluster.images import INDEX, ImageClient
from cluster.network import CONTROL_PLANE
from cluster.processes import Process

__all__ = ["Registry"]


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
        notified = {"name": "hookline", "url": endpoint, "timeout": "30s", "threshold": 3, "backoff": "1s"}
        settings = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
            "http": {"addr": f"{CONTROL_PLANE}:5000"},
            "notifications": {"endpoints": [notified | {"headers": {"Authorization": [f"Bearer {token}"]}}]},
        }
        (folder / "registry.yml").write_text(yaml.safe_dump(settings))
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        self._images = ImageClient(self._http, self.url)
        self._process = Process(
            "docker-registry",
            ["docker-registry", "serve", str(folder / "registry.yml")],
            folder / "registry.log",
            {"PATH": "/usr/bin:/usr/sbin"},
        )
        self._process.until(self._ready, "the registry is ready")

    def _ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self.url}/v2/").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()

    def push(self, name: str, tag: str | None, content: bytes, architecture: str = "amd64") -> dict[str, Any]:
        """An image of one layer, under a tag or by its digest alone; its descriptor."""
        config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers"}}
        return self._images.push(name, tag, [content], config)

    def push_index(self, name: str, tag: str, architectures: Sequence[str]) -> dict[str, Any]:
        """An image of several architectures, as docker buildx pushes it: the parts by digest, the index by tag."""
        parts = [
            self.push(name, None, f"layer of {each}".encode(), each)
            | {"platform": {"architecture": each, "os": "linux"}}
            for each in architectures
        ]
        return self._images.manifest(name, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": parts})
