"""Every server that steps talk to, and one namespace after another to run Workflows in."""

import base64
import gzip
import hashlib
import io
import itertools
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from template.pods import Namespace, Run
from template.repositories import FILES, Repository
from template.servers import HOST, PASSWORD, USER, Certificates, GitHost, ModuleProxy, Registry
from template.supplies import supplies

from triggers.shipped import IMAGES, shipped

__all__ = ["STOCK", "SUCCESSOR", "Site", "World", "stock_behaviour"]

FOLDER = Path("/run/template")
VENDORS_IMAGES = {"git": "alpine:latest", "go": "golang:1.22-alpine", "buildkit": "moby/buildkit:v0.13.0-rootless"}


def stock_behaviour() -> dict[str, Any]:
    """ci-go-v1 as clusters carry it: our text of its contract, but with parameters pasted into the scripts."""
    manifest = shipped("ci-go-v1", VENDORS_IMAGES)
    for template in manifest["spec"]["templates"]:
        if "container" not in template:
            continue
        container = template["container"]
        script = container["args"][0]
        for variable in container["env"]:
            if variable["value"].startswith("{{"):
                script = script.replace("$" + variable["name"], variable["value"])
        container["args"] = [script]
    return manifest


STOCK, SUCCESSOR = stock_behaviour(), shipped("hookline-ci-go", IMAGES)


def _layer(files: Mapping[str, Path | bytes]) -> bytes:
    """A layer's tar."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            if isinstance(content, Path):
                archive.add(content, name)
            else:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o755
                archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


class World:
    """Servers for all tests, in the namespaces that launch.py made."""

    def __init__(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=14g", "tmpfs", str(FOLDER)], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # Names lead to loopback for our own processes too; the mount is this namespace's alone.
        (FOLDER / "hosts").write_text(f"127.0.0.1 localhost {HOST}\n")
        subprocess.run(["mount", "--bind", str(FOLDER / "hosts"), "/etc/hosts"], check=True)
        for name in ("git", "work", "certificates"):
            (FOLDER / name).mkdir()
        self.supplies = supplies()
        self.certificates = Certificates(FOLDER / "certificates")
        self.git = GitHost(FOLDER / "git", self.certificates)
        self.modules = ModuleProxy(self.supplies.modules)
        self.registry = Registry(FOLDER / "registry", self.certificates, secure=True)
        self.plain_registry = Registry(FOLDER / "plain-registry", self.certificates, secure=False)
        self._numbers = itertools.count(1)
        busybox = self.supplies.root / "bin/busybox"
        tools = {f"bin/{name}": b"" for name in ()}
        layer = _layer({"bin/busybox": busybox.read_bytes(), **tools})
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            assert archive.getnames() == ["bin/busybox"]
        layer = self._with_links(layer)
        for registry in (self.registry, self.plain_registry):
            registry.push("base/busybox", "1", [layer], {"Env": ["PATH=/bin"]})

    def _with_links(self, layer: bytes) -> bytes:
        made = io.BytesIO(layer)
        with tarfile.open(fileobj=made, mode="a") as archive:
            for name in ("sh", "cat", "sha256sum", "ls", "echo", "env", "mkdir", "sleep", "id"):
                entry = tarfile.TarInfo(f"bin/{name}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
        return made.getvalue()

    def stop(self) -> None:
        """Stop what the kernel would not."""
        self.registry.stop()
        self.plain_registry.stop()

    def site(self, template: str = "hookline-ci-go") -> "Site":
        """A fresh namespace and repository for one of the two templates."""
        return Site(self, next(self._numbers), stock=template == "ci-go-v1")


class Site:
    """One namespace, one repository in it, and its image."""

    def __init__(self, world: World, number: int, *, stock: bool) -> None:
        self.world = world
        self.stock = stock
        self.registry = world.plain_registry if stock else world.registry
        self.namespace = Namespace(FOLDER / "sites" / str(number), world.supplies)
        self.image = f"acme/shop-{number}"
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        config = {"auths": {self.registry.name: {"auth": login}}}
        self.namespace.files["docker-config"] = {"config.json": json.dumps(config).encode()}
        if not stock:
            self.namespace.files["private-ca"] = {"ca.crt": world.certificates.ca.read_bytes()}
        self.number = number
        self.repository = self.make(f"acme/shop-{number}")

    def make(self, name: str, files: Mapping[str, str | None] | None = None) -> Repository:
        """A repository on the host whose image builds on this site's registry."""
        dockerfile = FILES["Dockerfile"].replace("forge.test:5443", self.registry.name)
        return Repository(
            FOLDER / "git", FOLDER / "work", name, {"Dockerfile": dockerfile, **(files or {})}
        )

    def arguments(self, **more: str) -> dict[str, str]:
        """What a Workflow is given."""
        name = self.repository.name
        found = {
            "repo_url": self.world.git.url(name, secure=not self.stock),
            "repo_name": name.rpartition("/")[2],
            "container_image": f"{self.registry.name}/{self.image}",
        }
        if not self.stock:
            found |= {"go_proxy": self.world.modules.url, "go_env": "GONOSUMDB=* GONOSUMCHECK=1 GOFLAGS=-mod=mod"}
            found["go_env"] = "GONOSUMDB=*"
        return found | more

    def run(self, kill: tuple[str, float] | None = None, **more: str) -> Run:
        """One Workflow; keyword arguments are parameters of the template."""
        manifest = STOCK if self.stock else SUCCESSOR
        return self.namespace.run(manifest, self.arguments(**more), kill=kill)

    def tags(self) -> set[str]:
        """Of the image."""
        return self.registry.tags(self.image)

    def revision(self, tag: str) -> str:
        """The commit that an image says it is of."""
        config: Any = self.registry.config(self.image, tag)
        return str(config["config"]["Labels"]["org.opencontainers.image.revision"])
