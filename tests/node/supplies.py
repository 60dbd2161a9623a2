"""What the node is made of, made once and kept beside the engines: programs of Debian's packages, and every image that a pod names.

Nothing is installed: packages are unpacked into a folder, which the node's own mount namespace lays over /usr. No image comes from a
registry: they are made of the engines, of the Debian root of the template test and of Go (images.py).
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.engines import NODE_ENGINES, EngineError, build, cache_folder
from image.offline import kept_image
from node.catalogue import catalogue
from node.images import Store
from template.repositories import FILES
from template.supplies import GO, MODULES, supplies

__all__ = ["TOOLS", "Supplies", "make_supplies"]

TOOLS = {
    "apt-get": "apt",
    "dpkg": "dpkg",
    "docker-registry": "docker-registry",
    "gcc": "build-essential",
    "git": "git",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "openssl": "openssl",
    "podman": "podman",
    "prometheus": "prometheus",
    "setcap": "libcap2-bin",
    "unshare": "util-linux",
}
"""Program → its Debian package."""
PACKAGES = (
    "busybox-static", "conntrack", "containerd", "containernetworking-plugins", "iptables", "libip4tc2", "libip6tc2", "libmnl0",
    "libnetfilter-conntrack3", "libnfnetlink0", "libnftnl11", "libseccomp2", "libxtables12", "runc",
)  # fmt: skip
"""Of Debian 12: what runs containers, and what kube-proxy calls, with their libraries."""
MADE_BY = ("supplies.py", "catalogue.py", "images.py")


@dataclass(frozen=True, slots=True)
class Supplies:
    """Folders and digests; each is kept until what it is made of changes."""

    engines: dict[str, str]
    """Folder by engine."""
    packages: str
    """Debian's packages, unpacked."""
    images: str
    """The folder of a registry with every image."""
    digests: dict[str, str]
    """repository:tag → digest of the manifest."""
    modules: str
    """A Go module proxy as files."""
    hookline: str
    """The archive of hookline's own image, as the checkout is now."""

    def text(self) -> str:
        """For the environment of the command."""
        return json.dumps(asdict(self))


def _run(*command: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError(f"{' '.join(command[:3])} failed:\n{done.stderr.strip()[-2_000:]}")
    return done.stdout


def _kept(name: str, content: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made once for this content; killed makers leave nothing half."""
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    folder = cache_folder().parent / "node" / f"{name}-{digest}"
    if not folder.is_dir():
        print(f"{folder.name}: making ...", file=sys.stderr, flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as made:
            place = Path(made) / "it"
            place.mkdir()
            make(place)
            place.rename(folder)
    return folder


def _unpack(folder: Path) -> None:
    """Debian's packages, without their scripts."""
    archives = folder / ".archives"
    archives.mkdir()
    # As root, apt would hand the download to a user of its own, who may not write here.
    download = ("apt-get", "-o", "APT::Sandbox::User=root", "download", *PACKAGES)
    done = subprocess.run(download, cwd=archives, capture_output=True, text=True, check=False)
    if done.returncode:
        _run("apt-get", "-qq", "update")
        _run(*download, cwd=archives)
    for archive in sorted(archives.iterdir()):
        _run("dpkg", "-x", str(archive), str(folder))
    shutil.rmtree(archives)
    # What update-alternatives would link: kube-proxy calls these names.
    for name in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):
            (folder / "usr/sbin" / f"{name}{suffix}").symlink_to(f"{name}-nft{suffix}")


def _compile(cache: Path, scratch: Path, go: Path, modules: Path) -> None:
    """Build the service that the tests push, for the cache that this leaves."""
    source = scratch / "source"
    for name, text in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(MODULES / "small" / name, source / name)
    settings = {
        "PATH": f"{go / 'bin'}:{os.environ['PATH']}", "HOME": str(scratch), "GOCACHE": str(cache), "GOFLAGS": "-modcacherw",
        "GOPROXY": modules.as_uri(), "GONOSUMDB": "*", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
    }  # fmt: skip
    _run("go", "build", "-o", str(scratch / "service"), ".", cwd=source, environment=settings)


def _make_images(
    folder: Path,
    engines: dict[str, Path],
    packages: Path,
    root: Path,
    go: Path,
    buildkit: Path,
    modules: Path,
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        pause, compiled = Path(temporary) / "pause", Path(temporary) / "go-build"
        _compile(compiled, Path(temporary), go, modules)
        _run("gcc", "-Os", "-static", "-o", str(pause), str(engines["kubernetes-node"] / "pause.c"))
        store = Store(folder)
        images = catalogue(engines, packages, root, go, buildkit, pause, compiled)
        digests = {image.name: store.add(image) for image in images}
    (folder / "digests.json").write_text(json.dumps(digests, indent=2))


def make_supplies() -> Supplies:
    """All of it, made now unless it is kept already.

    Raises:
        EngineError: Something cannot be made here; the message is a sentence for the user.
    """
    engines = {engine.name: build(engine) for engine in NODE_ENGINES}
    of_templates = supplies()
    packages = _kept("packages", repr(PACKAGES), _unpack)
    go, buildkit = of_templates.go[GO], of_templates.buildkit["0.33"]
    modules = of_templates.modules
    made_of = [*engines.values(), packages, of_templates.root, go, buildkit, modules]
    texts = [(Path(__file__).parent / name).read_text("utf-8") for name in MADE_BY]
    images = _kept(
        "images",
        repr([str(path) for path in made_of]) + "".join(texts),
        lambda folder: _make_images(folder, engines, packages, of_templates.root, go, buildkit, modules),
    )
    return Supplies(
        engines={name: str(path) for name, path in engines.items()},
        packages=str(packages),
        images=str(images),
        digests=json.loads((images / "digests.json").read_text()),
        modules=str(modules),
        hookline=str(kept_image()),
    )


def given_supplies() -> Supplies:
    """What launch.py made, for the command that it started."""
    return Supplies(**json.loads(os.environ["HOOKLINE_NODE_SUPPLIES"]))
