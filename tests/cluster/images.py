"""Pushing images to a registry as any client does (OCI distribution specification)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import urllib3

__all__ = ["INDEX", "ImageClient", "digest"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(content: bytes) -> str:
    """sha256:..."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class ImageClient:
    """Blobs, manifests and images of one registry."""

    def __init__(self, http: urllib3.PoolManager, url: str) -> None:
        self._http = http
        self._url = url

    def _sent(self, method: str, url: str, status: int, body: bytes = b"", content_type: str = "") -> Any:
        headers = {**self._http.headers, "Content-Type": content_type}
        answer = self._http.request(method, url, body=body, headers=headers)
        if answer.status != status:
            raise AssertionError(f"{method} {url}: {answer.status} {answer.data[:300]!r}")
        return answer

    def blob(self, name: str, content: bytes, media_type: str) -> dict[str, Any]:
        """Its descriptor."""
        upload = self._sent("POST", f"{self._url}/v2/{name}/blobs/uploads/", 202).headers["Location"]
        self._sent("PUT", f"{upload}&digest={digest(content)}", 201, content, "application/octet-stream")
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    def manifest(self, name: str, reference: str | None, value: Mapping[str, Any]) -> dict[str, Any]:
        """Its descriptor; without a reference it has its digest alone."""
        content = json.dumps(value).encode()
        where = f"{self._url}/v2/{name}/manifests/{reference or digest(content)}"
        self._sent("PUT", where, 201, content, value["mediaType"])
        return {"mediaType": value["mediaType"], "digest": digest(content), "size": len(content)}

    def push(
        self, name: str, reference: str | None, layers: Sequence[bytes], config: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An image of uncompressed layers with this configuration; its descriptor."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(name, json.dumps(config).encode(), CONFIG),
            "layers": [self.blob(name, layer, LAYER) for layer in layers],
        }
        return self.manifest(name, reference, manifest)
