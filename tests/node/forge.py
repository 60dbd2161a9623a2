"""What is outside the cluster, and reached from pods through a Service: a git host, a registry, a Go module proxy, a shared volume.

All of them run on the node's own address. The git host is a real Gitea, over TLS; the registry has TLS and a password.
"""

import io
import tarfile
from pathlib import Path
from typing import Any

from cluster.gitea import Gitea, Place
from node.catalogue import GO_IMAGE
from node.images import Store
from node.kubernetes import Kubernetes
from node.places import ADDRESS, FOLDER, FORGE, NAME
from template.servers import ModuleProxy, Registry

__all__ = ["BASE_IMAGE", "MODULES", "REGISTRY", "RUNTIME", "RUNTIME_IMAGE", "STORAGE_CLASS", "Forge"]

REGISTRY = f"{FORGE}:5443"
BASE_IMAGE = f"{REGISTRY}/base/golang:1"
"""What Dockerfiles begin with."""
RUNTIME = "base/runtime"
RUNTIME_IMAGE = f"{REGISTRY}/{RUNTIME}:1"
"""What built images stand on."""
MODULES = f"http://{FORGE}:8081"
STORAGE_CLASS = "nas"
PORTS = {"git": 3000, "registry": 5443, "modules": 8081}


class Forge:
    """All of it, running."""

    def __init__(self, cluster: Kubernetes) -> None:
        self._cluster = cluster
        self.authority = cluster.authority.certificate
        signed = cluster.authority.sign("forge", f"DNS:{FORGE}", f"IP:{ADDRESS}")
        folder = FOLDER / "gitea"
        folder.mkdir()
        place = Place(ADDRESS, FORGE, signed.certificate, signed.key, self.authority)
        storage = FOLDER / "registry/storage"
        Store(storage).copy(GO_IMAGE, Store(Path(cluster.supplies.images)), BASE_IMAGE.partition("/")[2])
        self.registry = Registry(FOLDER / "registry", signed, secure=True, host=FORGE, address=ADDRESS)
        self.push_runtime("1")
        self.modules = ModuleProxy(Path(cluster.supplies.modules), ADDRESS)
        self.volume = FOLDER / "volume"
        """What the steps of all runs share."""
        self.volume.mkdir()
        cluster.apply(_service())
        cluster.apply(_volume(self.volume))
        ledger = FOLDER / "ledger"
        ledger.mkdir()
        cluster.apply([_local_volume(ledger)])
        self.gitea = Gitea(Path(cluster.supplies.engines["gitea"]), folder, place)

    def push_runtime(self, version: str) -> None:
        """Push the image that built images stand on, with this version in it."""
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as layer:
            entry = tarfile.TarInfo("runtime-version")
            entry.size = len(version)
            layer.addfile(entry, io.BytesIO(version.encode()))
        self.registry.push(RUNTIME, "1", [content.getvalue()], {"Env": ["PATH=/"]})

    def stop(self) -> None:
        """Stop all of it."""
        self.gitea.stop()
        self.modules.stop()
        self.registry.stop()


def _service() -> list[Any]:
    """A name for the servers, whose address is the node's."""
    named = {"name": "forge", "namespace": "infra"}
    ports = [{"name": name, "port": port} for name, port in PORTS.items()]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": {"ports": ports}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": named | {"labels": {"kubernetes.io/service-name": "forge"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
            "ports": ports,
        },
    ]


def _volume(folder: Path) -> list[Any]:
    """A storage class whose one volume is a folder of the node, as a NAS is one folder for all nodes."""
    spec = {
        "capacity": {"storage": "1Ti"},
        "accessModes": ["ReadWriteMany"],
        "storageClassName": STORAGE_CLASS,
        "hostPath": {"path": str(folder), "type": "Directory"},
    }
    return [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": STORAGE_CLASS},
            "provisioner": "kubernetes.io/no-provisioner",
        },
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "nas"}, "spec": spec},
    ]


def _local_volume(folder: Path) -> Any:
    """A disk of the node, for a claim that names no storage class; kubelet gives it to the group of its pod."""
    named = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "disk"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [named]}]}},
        },
    }
