"""Every server that steps talk to, and one namespace after another to run Workflows in."""

import base64
import hashlib
import io
import itertools
import json
import re
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from template.pods import Namespace, Run
from template.repositories import FILES, Repository
from template.servers import HOST, PASSWORD, USER, Certificates, GitHost, ModuleProxy, Registry
from template.supplies import supplies

from triggers.shipped import IMAGES, shipped

__all__ = ["STOCK", "SUCCESSOR", "Site", "World", "stock_behaviour"]

FOLDER = Path("/run/template")
VENDORS_IMAGES = {
    "git": "alpine:latest",
    "go": "golang:1.22-alpine",
    "buildkit": "moby/buildkit:v0.13.0-rootless",
}


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
                name = re.escape(variable["name"])
                script = re.sub(
                    rf'"([^"\s]*\${name}\b[^"\s]*)"', r"\1", script
                )  # words stand there without quotes
                script = re.sub(rf"\${name}\b", variable["value"], script)
        container["args"] = [script]
    return manifest


STOCK, SUCCESSOR = stock_behaviour(), shipped("hookline-ci-go", IMAGES, artifacts=True)


def _busybox(program: bytes) -> bytes:
    """A layer with one program that is many."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("bin/busybox")
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
        for name in ("sh", "cat", "sleep", "id", "ls"):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
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
        self._numbers = itertools.count(1)
        with ExitStack() as stack:
            self.registry = Registry(FOLDER / "registry", self.certificates, secure=True)
            stack.callback(self.registry.stop)
            self.plain_registry = Registry(FOLDER / "plain-registry", self.certificates, secure=False)
            stack.callback(self.plain_registry.stop)
            self.push_busybox("base/busybox", {})
            self._stop = stack.pop_all()

    def push_busybox(self, image: str, config: Mapping[str, object]) -> None:
        """An image with a shell, under the tag 1 on both registries."""
        layer = _busybox((self.supplies.root / "bin/busybox").read_bytes())
        for registry in (self.registry, self.plain_registry):
            registry.push(image, "1", [layer], {"Env": ["PATH=/bin"], **config})

    def stop(self) -> None:
        """Stop what the kernel would not."""
        self._stop.close()

    def site(self, template: str = "hookline-ci-go", *, one_pod: bool = False) -> "Site":
        """A fresh namespace and repository for one of the two templates, whose runs have all steps in one pod or a pod for each."""
        return Site(self, next(self._numbers), stock=template == "ci-go-v1", one_pod=one_pod)


class Site:
    """One namespace, one repository in it, and its image."""

    def __init__(self, world: World, number: int, *, stock: bool, one_pod: bool = False) -> None:
        self.world = world
        self.stock = stock
        self.one_pod = one_pod
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
        return Repository(FOLDER / "git", FOLDER / "work", name, {"Dockerfile": dockerfile, **(files or {})})

    def arguments(self, **more: str) -> dict[str, str]:
        """What a Workflow is given."""
        name = self.repository.name
        found = {
            "repo_url": self.world.git.url(name, secure=not self.stock),
            "repo_name": name.rpartition("/")[2],
            "container_image": f"{self.registry.name}/{self.image}",
        }
        if not self.stock:
            found |= {"go_proxy": self.world.modules.url, "go_env": "GONOSUMDB=*"}
        return found | more

    def run(
        self,
        *,
        kill: tuple[str, float | threading.Event] | None = None,
        only: Sequence[str] = (),
        after: Mapping[str, Callable[[], object]] | None = None,
        **more: str,
    ) -> Run:
        """One Workflow, as Namespace.run; the other keyword arguments are parameters of the template."""
        manifest = STOCK if self.stock else SUCCESSOR
        return self.namespace.run(
            manifest, self.arguments(**more), kill=kill, only=only, after=after, one_pod=self.one_pod
        )

    def build(self, **more: Any) -> Run:
        """The same without tests."""
        return self.run(enable_test="false", **more)

    @property
    def key(self) -> str:
        """What the successor calls the repository on the volume."""
        url = self.arguments()["repo_url"]
        return f"{self.repository.name.rpartition('/')[2]}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"

    @property
    def mirror(self) -> Path:
        """The successor's mirror of the repository."""
        return self.namespace.volume / f"hookline/git/{self.key}.git"

    def warm(self) -> "Site":
        """Begin with Go's build cache of an earlier site: the standard library is compiled already."""
        target = self.namespace.volume / "hookline/go/build" / self.key
        kept = FOLDER / "warm-build-cache"
        if not kept.is_dir():
            first = self.world.site()
            first_run = first.run()
            if not first_run.succeeded:
                raise AssertionError("the first run of all failed:\n" + first_run.log)
            shutil.copytree(first.namespace.volume / "hookline/go/build" / first.key, kept)
        shutil.copytree(kept, target)
        return self

    def tags(self) -> set[str]:
        """Of the image."""
        return self.registry.tags(self.image)

    def built(self, run: Run) -> str:
        """The stamp in the image that a run pushed."""
        log = run.steps["build-push-image"].log
        tag = re.findall(r"^Image Tag is: (\S+)$", log, re.MULTILINE)[-1]
        return self.registry.content(self.image, tag, "program").strip()

    def revision(self, tag: str) -> str:
        """The commit that an image says it is of."""
        config: Any = self.registry.config(self.image, tag)
        return str(config["config"]["Labels"]["org.opencontainers.image.revision"])
