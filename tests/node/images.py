"""Container images made of files and folders, kept as a registry keeps them: no builder, and no registry outside.

An image is layers and a configuration (OCI image specification). A store is the folder of a registry (Distribution, file system
driver): blobs by digest, and links by repository. Layers are not compressed: they never leave the machine.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Content", "Empty", "Image", "Layer", "Link", "Store", "Tree", "digest_of"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CAPABILITY = "security.capability"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What the kernel calls a machine → what images call it."""
PIECE = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder with all that is in it, owners and file capabilities included."""

    source: Path
    at: str = ""
    """Where it lies in the image; empty for its root."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file."""

    source: Path | bytes
    at: str
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Empty:
    """An empty folder."""

    at: str
    mode: int = 0o755
    owner: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    at: str
    target: str


Layer = tuple[Tree | Content | Empty | Link, ...]
"""What one layer adds. Folders above its entries are not part of it: over a Debian root they would hide links such as /lib."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a store keeps under a name."""

    name: str
    """repository:tag, without a registry."""
    layers: tuple[Layer, ...]
    config: Mapping[str, object] = field(default_factory=dict)
    """Of its containers: Entrypoint, Env, User, WorkingDir, Volumes."""


def digest_of(content: bytes) -> str:
    """sha256:..."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _with_capabilities(entry: tarfile.TarInfo, path: Path) -> tarfile.TarInfo | None:
    """The entry as it stands in a layer: without devices, with file capabilities, which tarfile does not know."""
    if entry.isdev() or entry.isfifo():
        return None
    if entry.isfile() and CAPABILITY in os.listxattr(path):
        value = os.getxattr(path, CAPABILITY)
        # The value is binary; tarfile writes it back as the bytes that it was.
        entry.pax_headers = {f"SCHILY.xattr.{CAPABILITY}": value.decode("utf-8", "surrogateescape")}
    return entry


def _add_tree(archive: tarfile.TarFile, tree: Tree) -> None:
    at = tree.at.strip("/")

    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return _with_capabilities(entry, tree.source / entry.name.removeprefix(at).lstrip("/"))

    if at:
        archive.add(tree.source, at, filter=kept)
        return
    for path in sorted(tree.source.iterdir()):
        archive.add(path, path.name, filter=kept)


def _write_layer(path: Path, layer: Layer) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for item in layer:
            if isinstance(item, Tree):
                _add_tree(archive, item)
                continue
            entry = tarfile.TarInfo(item.at.strip("/"))
            if isinstance(item, Content):
                content = item.source if isinstance(item.source, bytes) else item.source.read_bytes()
                entry.size, entry.mode = len(content), item.mode
                archive.addfile(entry, io.BytesIO(content))
            elif isinstance(item, Empty):
                entry.type, entry.mode, entry.uid, entry.gid = (
                    tarfile.DIRTYPE,
                    item.mode,
                    item.owner,
                    item.owner,
                )
                archive.addfile(entry)
            else:
                entry.type, entry.linkname = tarfile.SYMTYPE, item.target
                archive.addfile(entry)


class Store:
    """The folder of a registry."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "docker/registry/v2"
        self._layers: dict[Layer, dict[str, object]] = {}

    def _blob(self, digest: str) -> Path:
        value = digest.removeprefix("sha256:")
        return self._root / "blobs/sha256" / value[:2] / value / "data"

    def _keep(self, content: bytes, media_type: str) -> dict[str, object]:
        """A blob; its descriptor."""
        path = self._blob(digest_of(content))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    def _layer(self, layer: Layer) -> dict[str, object]:
        """The descriptor of a layer, which is written once however many images have it."""
        if layer not in self._layers:
            self._root.mkdir(parents=True, exist_ok=True)
            written = self._root / "layer.tar"
            _write_layer(written, layer)
            hashed = hashlib.sha256()
            with written.open("rb") as file:
                while piece := file.read(PIECE):
                    hashed.update(piece)
            digest, size = f"sha256:{hashed.hexdigest()}", written.stat().st_size
            self._blob(digest).parent.mkdir(parents=True, exist_ok=True)
            written.rename(self._blob(digest))
            self._layers[layer] = {"mediaType": LAYER, "digest": digest, "size": size}
        return self._layers[layer]

    def add(self, image: Image) -> str:
        """Keep an image; the digest of its manifest."""
        layers = [self._layer(layer) for layer in image.layers]
        described = {
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": dict(image.config),
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        }
        config = self._keep(json.dumps(described, sort_keys=True).encode(), CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        kept = self._keep(json.dumps(manifest, sort_keys=True).encode(), MANIFEST)
        self._link(image.name, str(kept["digest"]), (str(each["digest"]) for each in (config, *layers)))
        return str(kept["digest"])

    def add_archive(self, path: Path, name: str) -> str:
        """Keep the one image of an OCI archive, such as podman saves, under a name; the digest of its manifest."""
        with tarfile.open(path) as archive:

            def read(member: str) -> bytes:
                file = archive.extractfile(member)
                if file is None:
                    raise ValueError(f"{path} has no {member}")
                return file.read()

            def keep(digest: str) -> bytes:
                content = read(f"blobs/{digest.replace(':', '/')}")
                self._keep(content, "")
                return content

            manifest = str(json.loads(read("index.json"))["manifests"][0]["digest"])
            described = json.loads(keep(manifest))
            blobs = [str(each["digest"]) for each in (described["config"], *described["layers"])]
            for digest in blobs:
                keep(digest)
        self._link(name, manifest, blobs)
        return manifest

    def _link(self, name: str, manifest: str, blobs: Iterable[str]) -> None:
        """Say that a repository has a manifest, under a tag, and these blobs."""
        repository, _, tag = name.rpartition(":")
        folder = self._root / "repositories" / repository
        tagged = folder / "_manifests/tags" / tag
        links = {
            folder / "_manifests/revisions" / manifest.replace(":", "/"): manifest,
            tagged / "current": manifest,
            tagged / "index" / manifest.replace(":", "/"): manifest,
            **{folder / "_layers" / blob.replace(":", "/"): blob for blob in blobs},
        }
        for place, digest in links.items():
            place.mkdir(parents=True, exist_ok=True)
            (place / "link").write_text(digest)

    def copy(self, name: str, other: "Store", new_name: str) -> None:
        """Keep an image of another store here, under a new name."""
        repository, _, tag = name.rpartition(":")
        current = other._root / "repositories" / repository / "_manifests/tags" / tag / "current/link"
        manifest = current.read_text()
        described = json.loads(other._blob(manifest).read_bytes())
        blobs = [str(each["digest"]) for each in (described["config"], *described["layers"])]
        for digest in (manifest, *blobs):
            place = self._blob(digest)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(other._blob(digest), place)
        self._link(new_name, manifest, blobs)
