"""What `make image` made, and what the archive of an image holds."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from image.offline import Store

__all__ = ["Archive", "Built"]


@dataclass(frozen=True)
class Archive:
    """An OCI archive."""

    path: Path

    @cached_property
    def blobs(self) -> dict[str, bytes]:
        """Name in the archive → content; layers as tar files."""
        with tarfile.open(self.path) as archive:
            found = {
                each.name: file.read() for each in archive if (file := archive.extractfile(each)) is not None
            }
        return {
            name: gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for name, data in found.items()
        }

    def _blob(self, digest: str) -> bytes:
        return self.blobs[f"blobs/{digest.replace(':', '/')}"]

    @cached_property
    def _manifest(self) -> Any:
        (only,) = json.loads(self.blobs["index.json"])["manifests"]
        return json.loads(self._blob(only["digest"]))

    @cached_property
    def configuration(self) -> Any:
        """Users, entrypoint, labels, history, the digests of the layers."""
        return json.loads(self._blob(self._manifest["config"]["digest"]))

    def layers(self, base_layers: int) -> list[bytes]:
        """The layers above those of the base, as tar files; each is what the configuration says."""
        found = [self._blob(each["digest"]) for each in self._manifest["layers"]]
        digests = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in found]
        assert digests == self.configuration["rootfs"]["diff_ids"]
        return found[base_layers:]

    @cached_property
    def members(self) -> list[tarfile.TarInfo]:
        """Every file and folder of the layers above the base, which is one layer."""
        found = []
        for layer in self.layers(1):
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                found += tar.getmembers()
        return found

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Path → content of every regular file above the base."""
        found = {}
        for layer in self.layers(1):
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                for member in tar:
                    if member.isreg() and (file := tar.extractfile(member)) is not None:
                        found[member.name] = file.read()
        return found


@dataclass(frozen=True, slots=True)
class Built:
    """What `make image` made, and where."""

    store: Store
    name: str
    archive: Archive
    beside: Path
    """The folder of the SBOM and the checksums."""
