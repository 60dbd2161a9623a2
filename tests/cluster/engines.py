"""The engines: which binary of which version comes from where, built once and kept outside the checkout.

Each engine is a Go module of its own in `engines/`, since their dependencies disagree; its `go.mod` and `go.sum` pin every
byte that is built. A built engine is a folder named by a digest of those two files and of the Go release, so that
changing a pin builds anew and nothing else does.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

__all__ = [
    "ENGINES",
    "MORE_ENGINES",
    "NODE_ENGINES",
    "TEMPLATE_ENGINES",
    "Engine",
    "EngineError",
    "build",
    "cache_folder",
    "stored",
]

MODULES = Path(__file__).parent / "engines"


class EngineError(Exception):
    """An engine cannot be built here; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One Go module and what is taken from it."""

    name: str
    """Of what is kept; and of its folder in `engines/`, unless it shares another's."""
    module: str
    """The Go module whose version is shown."""
    binaries: Mapping[str, str]
    """File name → Go package."""
    manifests: Mapping[str, str] = field(default_factory=dict)
    """File or folder to keep → where it lies in the module."""
    minutes: int = 1
    """Roughly, for the first build on two cores; said to the user while it runs."""

    @property
    def folder(self) -> Path:
        """Where its go.mod lies."""
        return MODULES / self.name

    @property
    def links(self) -> Mapping[str, str]:
        """Symbolic links of the repository, which no module archive holds: file of the module → the file it leads to."""
        return {}

    @property
    def tools(self) -> Mapping[str, str]:
        """What it takes to build and run it besides Go: program → Debian package."""
        return {}

    @property
    def flags(self) -> tuple[str, ...]:
        """Of go build, besides those that all engines have."""
        return ()

    @property
    def environment(self) -> Mapping[str, str]:
        """Of go build."""
        return {"CGO_ENABLED": "0"}


@dataclass(frozen=True, slots=True)
class _Gitea(Engine):
    """Gitea with SQLite, which is C."""

    @property
    def tools(self) -> Mapping[str, str]:
        """A C compiler; and git, which Gitea runs."""
        return {"gcc": "build-essential", "git": "git"}

    @property
    def flags(self) -> tuple[str, ...]:
        """The build tags of Gitea's own Makefile."""
        return ("-tags=sqlite,sqlite_unlock_notify",)

    @property
    def environment(self) -> Mapping[str, str]:
        """With the C compiler."""
        return {"CGO_ENABLED": "1"}


@dataclass(frozen=True, slots=True)
class _Node(Engine):
    """What runs the pods of a node: of the module that the API server is built from."""

    @property
    def folder(self) -> Path:
        """That of the API server: one version of Kubernetes."""
        return MODULES / "kubernetes"

    @property
    def tools(self) -> Mapping[str, str]:
        """For the process that holds a pod's namespaces, which is C."""
        return {"gcc": "build-essential"}


@dataclass(frozen=True, slots=True)
class _Executor(Engine):
    """What Argo Workflows puts around every step."""

    @property
    def folder(self) -> Path:
        """That of its controller: the two must be of one version."""
        return MODULES / "argo-workflows"

    @property
    def links(self) -> Mapping[str, str]:
        """The one file that its archive lacks."""
        signals = "workflow/executor/osspecific/signal"
        return {f"{signals}_linux.go": f"{signals}_darwin.go"}


def _workflows(name: str, module: str) -> Engine:
    """Argo Workflows: its controller, and both forms of its CRDs (the full ones have a rule for every field)."""
    return Engine(
        name,
        module,
        {"workflow-controller": f"{module}/cmd/workflow-controller"},
        {"crds": "manifests/base/crds/minimal", "crds-full": "manifests/base/crds/full"},
        minutes=3,
    )


ENGINES = (
    Engine("nats", "github.com/nats-io/nats-server/v2", {"nats-server": "github.com/nats-io/nats-server/v2"}),
    Engine("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Engine(
        "argo-events",
        "github.com/argoproj/argo-events",
        {"argo-events": "github.com/argoproj/argo-events/cmd"},
        {
            "crds": "manifests/base/crds",
            "schema.json": "api/jsonschema/schema.json",
            "controller-config.yaml": "manifests/base/controller-manager/controller-config.yaml",
            "install.yaml": "manifests/install.yaml",
        },
        minutes=4,
    ),
    _workflows("argo-workflows", "github.com/argoproj/argo-workflows/v3"),
    Engine(
        "kubernetes",
        "k8s.io/kubernetes",
        {
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        },
        minutes=6,
    ),
)


MORE_ENGINES = (
    _workflows("argo-workflows-4", "github.com/argoproj/argo-workflows/v4"),
    _Gitea(
        "gitea",
        "code.gitea.io/gitea",
        {"gitea": "code.gitea.io/gitea"},
        # What it reads while it runs. The built web pages are not in the module: the API and the webhooks need none.
        {"templates": "templates", "options": "options", "public": "public"},
        minutes=4,
    ),
    Engine(
        "kube-state-metrics",
        "k8s.io/kube-state-metrics/v2",
        {"kube-state-metrics": "k8s.io/kube-state-metrics/v2"},
        minutes=2,
    ),
)
"""Built only for who asks for them: launch.py --with NAME."""


def _buildkit(version: str) -> Engine:
    """What the image moby/buildkit:VERSION-rootless holds, apart from what comes of Debian's packages."""
    return Engine(
        f"buildkit-{version}",
        "github.com/moby/buildkit",
        {
            "buildkitd": "github.com/moby/buildkit/cmd/buildkitd",
            "buildctl": "github.com/moby/buildkit/cmd/buildctl",
            "rootlesskit": "github.com/rootless-containers/rootlesskit/v2/cmd/rootlesskit",
        },
        {"buildctl-daemonless.sh": "examples/buildctl-daemonless/buildctl-daemonless.sh"},
        minutes=2,
    )


TEMPLATE_ENGINES = (_buildkit("0.13"), _buildkit("0.33"))
"""For the test of the templates: the versions that ci-go-v1 and hookline-ci-go name."""


NODE_ENGINES = (
    *ENGINES,
    next(engine for engine in MORE_ENGINES if engine.name == "gitea"),
    next(engine for engine in TEMPLATE_ENGINES if engine.name == "buildkit-0.33"),
    _Node(
        "kubernetes-node",
        "k8s.io/kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kubelet", "kube-proxy", "kube-scheduler", "kubectl")
        },
        {"pause.c": "build/pause/linux/pause.c"},
        minutes=6,
    ),
    Engine("coredns", "github.com/coredns/coredns", {"coredns": "."}, minutes=2),
    _Executor(
        "argoexec",
        "github.com/argoproj/argo-workflows/v3",
        {"argoexec": "github.com/argoproj/argo-workflows/v3/cmd/argoexec"},
        {"manifests": "manifests"},
        minutes=2,
    ),
)
"""For the test on a real node."""


def cache_folder() -> Path:
    """Where built engines are kept: HOOKLINE_ENGINES, or a folder of the user's cache."""
    given = os.environ.get("HOOKLINE_ENGINES")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hookline" / "engines"


def _go(*arguments: str, folder: Path, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    environment = {**os.environ, "GOFLAGS": "", "GOWORK": "off", **environment}
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineError(f"go {' '.join(arguments[:2])} in {folder} failed:\n{done.stderr.strip()[-2_000:]}")
    return done.stdout.strip()


def _version(engine: Engine) -> str:
    required = (engine.folder / "go.mod").read_text("utf-8")
    found = re.search(rf"^(?:require )?\s*{re.escape(engine.module)} (v\S+)", required, re.MULTILINE)
    if found is None:
        raise EngineError(f"engines/{engine.folder.name}/go.mod requires no {engine.module}")
    return found[1]


def stored(engine: Engine) -> Path:
    """The folder of the built engine, whether it is there or not."""
    digest = hashlib.sha256(_go("env", "GOVERSION", folder=MODULES).encode())
    digest.update(repr(engine).encode())
    for path in (engine.folder / "go.mod", engine.folder / "go.sum", *sorted(engine.folder.glob("*.go"))):
        digest.update(path.read_bytes())
    return cache_folder() / f"{engine.name}-{_version(engine)}-{digest.hexdigest()[:12]}"


def _with_links(engine: Engine, source: Path, folder: Path) -> tuple[str, ...]:
    """Flags of go build that take a copy of the module with the links that its archive lacks, if it lacks any."""
    if not engine.links:
        return ()
    copy = folder / "source"
    shutil.copytree(source, copy)
    for link, target in engine.links.items():
        # The module cache, and so its copy, is read-only.
        (copy / link).parent.chmod(0o755)
        shutil.copyfile(copy / target, copy / link)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(engine.folder / name, folder / name)
    _go("mod", "edit", f"-replace={engine.module}={copy}", str(folder / "go.mod"), folder=folder)
    return (f"-modfile={folder / 'go.mod'}",)


def build(engine: Engine) -> Path:
    """The folder of the engine, built now unless it is kept already. Says what it does on stderr."""
    kept = stored(engine)
    title = f"{engine.name} {_version(engine)}"
    if kept.is_dir():
        print(f"{title}: kept in {kept}", file=sys.stderr)
        return kept
    print(f"{title}: building, about {engine.minutes} min on 2 cores ...", file=sys.stderr, flush=True)
    started = time.monotonic()
    kept.parent.mkdir(parents=True, exist_ok=True)
    module = engine.folder
    # Built beside its place and renamed: a build that was killed leaves no half engine.
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".building-") as made:
        folder = Path(made) / "engine"
        folder.mkdir()
        _go("mod", "download", engine.module, folder=module)
        source = Path(_go("list", "-m", "-f", "{{.Dir}}", engine.module, folder=module))
        common = ("-ldflags=-s -w", *engine.flags, *_with_links(engine, source, Path(made)))
        for binary, package in engine.binaries.items():
            flags = (*common, "-o", str(folder / binary))
            _go("build", *flags, package, folder=module, environment=engine.environment)
        for name, path in engine.manifests.items():
            copy = shutil.copytree if (source / path).is_dir() else shutil.copyfile
            copy(source / path, folder / name)
        folder.rename(kept)
    print(f"{title}: built in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return kept
