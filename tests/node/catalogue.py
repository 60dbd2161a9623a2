"""Which images the pods of the node name, and what is in each."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import yaml
from node.images import Content, Empty, Image, Layer, Link, Tree

__all__ = ["GO_IMAGE", "TEMPLATE_IMAGES", "catalogue", "version_of"]

TEMPLATE_IMAGES = {"git": "hookline-test/git", "go": "hookline-test/go", "buildkit": "hookline-test/buildkit"}
"""What the templates call them → repository: the digests of our images are not those of the real ones."""
GO_IMAGE = "hookline-test/golang:1"
"""What Dockerfiles begin with: Go, a shell, and the standard library compiled, which each build would otherwise do for half a minute."""
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TEMPORARY = Empty("tmp", 0o1777)
STANDS_IN = b"""#!/bin/sh
# Stands for a sidecar of the bus whose module the Go module proxy does not give.
trap 'exit 0' TERM INT
while :; do /bin/busybox sleep 3600 & wait $!; done
"""


def version_of(engine: Path) -> str:
    """The version that an engine's folder is named by."""
    found = re.search(r"-(v\d+\.\d+\.\d+)-[0-9a-f]{12}$", engine.name)
    if found is None:
        raise ValueError(f"{engine} names no version")
    return found[1]


def _program(name: str, program: Path, *more: Content | Empty | Link | Tree, **config: object) -> Image:
    """An image of one program, which it starts."""
    at = f"/bin/{program.name}"
    trusted = Content(Path("/etc/ssl/certs/ca-certificates.crt"), "etc/ssl/certs/ca-certificates.crt", 0o644)
    layer: Layer = (Content(program, at), trusted, TEMPORARY, *more)
    return Image(name, (layer,), {"Entrypoint": [at], "Env": [PATH], **config})


def _busybox(program: Path) -> Layer:
    """A shell and the small tools."""
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    return (
        Content(program, "bin/busybox"),
        TEMPORARY,
        *(Link(f"bin/{name}", "busybox") for name in listed if name != "busybox"),
    )


def _bus(engines: dict[str, Path], shell: Layer) -> list[Image]:
    """The images that the Argo Events controller names for the version of the bus that we render."""
    version = version_of(engines["nats"]).removeprefix("v")
    config = yaml.safe_load((engines["argo-events"] / "controller-config.yaml").read_text("utf-8"))
    settings = yaml.safe_load(config["data"]["controller-config.yaml"])
    named = next(
        each for each in settings["eventBus"]["jetstream"]["versions"] if str(each["version"]) == version
    )
    server = Content(engines["nats"] / "nats-server", named["startCommand"])
    images = [
        Image(f"library/{named['natsImage']}", (shell, (server,)), {"Env": [PATH], "Entrypoint": [server.at]})
    ]
    for key in ("metricsExporterImage", "configReloaderImage"):
        program = Content(STANDS_IN, f"/bin/{named[key].rpartition('/')[2].partition(':')[0]}")
        also = Link(f"/usr/local{program.at}", program.at)
        images.append(
            Image(named[key], (shell, (program, also)), {"Env": [PATH], "Entrypoint": [program.at]})
        )
    return images


def _of_templates(root: Path, go: Path, buildkit: Path) -> list[Image]:
    """Git, Go and BuildKit as the template test has them."""
    debian: Layer = (Tree(root),)
    goroot: Layer = (Tree(go, "usr/local/go"),)
    state = "/home/user/.local/share/buildkit"
    as_user = {
        "PATH": "/opt/buildkit:/opt/busybox:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "USER": "user",
        "HOME": "/home/user",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "TMPDIR": "/home/user/.local/tmp",
        "BUILDKIT_HOST": "unix:///run/user/1000/buildkit/buildkitd.sock",
    }
    return [
        Image(f"{TEMPLATE_IMAGES['git']}:1", (debian,), {"Env": ["PATH=/opt/busybox:/usr/bin:/bin"]}),
        Image(
            f"{TEMPLATE_IMAGES['go']}:1",
            (debian, goroot),
            {"Env": ["PATH=/usr/local/go/bin:/usr/bin:/bin", "GOPATH=/go", "GOTOOLCHAIN=local"]},
        ),
        Image(
            f"{TEMPLATE_IMAGES['buildkit']}:1",
            (debian, (Tree(buildkit, "opt/buildkit"),)),
            {
                "Env": [f"{name}={value}" for name, value in as_user.items()],
                "User": "1000:1000",
                # As the real image: container runtimes keep it off their overlay.
                "Volumes": {state: {}},
            },
        ),
    ]


def catalogue(
    engines: dict[str, Path],
    packages: Path,
    root: Path,
    go: Path,
    buildkit: Path,
    pause: Path,
    compiled: Path,
) -> Sequence[Image]:
    """Every image, under the name that upstream manifests use.

    Args:
        engines: Folder by engine.
        packages: Debian's packages, unpacked.
        root: A Debian root, with git and what rootless BuildKit needs.
        go: A GOROOT.
        buildkit: The folder of BuildKit's programs.
        pause: The program that holds a pod's namespaces.
        compiled: A cache of Go's compiler, with what the pushed service needs of the standard library.
    """
    workflows, events = version_of(engines["argo-workflows"]), version_of(engines["argo-events"])
    names_by_dns = Content(b"hosts: files dns\n", "etc/nsswitch.conf", 0o644)
    shell = _busybox(packages / "bin/busybox")
    goroot: Layer = (Tree(go, "usr/local/go"),)
    return [
        Image(
            "hookline-test/pause:1",
            ((Content(pause, "pause"),),),
            {"Entrypoint": ["/pause"], "User": "65535:65535"},
        ),
        _program("hookline-test/coredns:1", engines["coredns"] / "coredns"),
        _program(
            f"argoproj/argo-events:{events}",
            engines["argo-events"] / "argo-events",
            Tree(Path("/usr/share/zoneinfo"), "usr/share/zoneinfo"),
        ),
        _program(
            f"argoproj/workflow-controller:{workflows}",
            engines["argo-workflows"] / "workflow-controller",
            User="8737",
        ),
        _program(f"argoproj/argoexec:{workflows}", engines["argoexec"] / "argoexec", names_by_dns),
        *_bus(engines, shell),
        *_of_templates(root, go, buildkit),
        Image(
            GO_IMAGE,
            (shell, goroot, (Tree(compiled, "go-build"),)),
            {
                "Env": [
                    "PATH=/usr/local/go/bin:/bin",
                    "GOTOOLCHAIN=local",
                    "GOCACHE=/go-build",
                    "HOME=/tmp",
                    "GONOSUMDB=*",
                ]
            },
        ),
    ]
