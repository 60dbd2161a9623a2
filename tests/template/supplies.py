"""What the steps of the templates run in and download, made once and kept outside the checkout.

The images that the templates name cannot be had here: only package registries can. So their containers get the same programs from
there: a root of Debian's packages (git, busybox, runc, uidmap), Go as golang.org/toolchain gives it, BuildKit built from its module.
Real modules come from the Go module proxy and are served again on loopback, so that a test can take the network away.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.engines import TEMPLATE_ENGINES, Engine, EngineError, build, cache_folder
from cluster.launch import install_missing

__all__ = ["GO", "MODULES", "STOCK_GO", "Supplies", "supplies"]

GO, STOCK_GO = "1.27.0", "1.22.12"
"""Of the images that hookline-ci-go and the stock ci-go-v1 name."""

TOOLS = {
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "setcap": "libcap2-bin",
    "docker-registry": "docker-registry",
    "git": "git",
    "ip": "iproute2",
    "openssl": "openssl",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
}
PACKAGES = "git,ca-certificates,openssh-client,runc,uidmap,busybox-static"
MODULES = Path(__file__).parent / "modules"


@dataclass(frozen=True, slots=True)
class Supplies:
    """Folders of what is kept."""

    root: Path
    """The root file system of every container."""
    go: Mapping[str, Path]
    """GOROOT by version."""
    buildkit: Mapping[str, Path]
    """Programs by version, 0.13 and 0.33."""
    modules: Path
    """A module proxy as files."""


def _run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineError(f"{' '.join(command[:3])} failed:\n{done.stderr.strip()[-2_000:]}")
    return done.stdout.strip()


def _kept(name: str, content: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made once for this content; killed makers leave nothing half."""
    folder = (
        cache_folder().parent / "template" / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    )
    if not folder.is_dir():
        print(f"{folder.name}: making ...", file=sys.stderr, flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as made:
            make(Path(made) / "it")
            (Path(made) / "it").rename(folder)
    return folder


def _root(folder: Path) -> None:
    _run(
        "mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm", str(folder),
    )  # fmt: skip
    # As Alpine's images have them: one program for all the small tools, and newuidmap with a capability instead of setuid.
    (folder / "opt/busybox").mkdir(parents=True)
    for applet in _run("chroot", str(folder), "/bin/busybox", "--list").split():
        (folder / "opt/busybox" / applet).symlink_to("/bin/busybox")
    for program, capability in (("newuidmap", "cap_setuid=ep"), ("newgidmap", "cap_setgid=ep")):
        (folder / "usr/bin" / program).chmod(0o755)
        _run("setcap", capability, str(folder / "usr/bin" / program))
    _run("chroot", str(folder), "useradd", "-m", "-u", "1000", "user")
    for name in ("etc/subuid", "etc/subgid"):
        (folder / name).write_text("user:100000:65536\n")
    (folder / "usr/local/bin/buildkit-runc").symlink_to("/usr/sbin/runc")
    for name in ("run/user/1000", "home/user/.local/share/buildkit", "home/user/.local/tmp"):
        (folder / name).mkdir(parents=True)
        _run("chown", "-R", "1000:1000", str(folder / name))
    _run("chown", "-R", "1000:1000", str(folder / "home/user"))
    for name in (
        "workdir",
        "scratch",
        "test",
        "private-ca",
        "git-secret",
        ".docker",
        "usr/local/go",
        "opt/buildkit",
        "go",
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)


def _modules(folder: Path) -> None:
    cache = folder.parent / "cache"
    for each in sorted(MODULES.iterdir()):
        _run("go", "mod", "download", cwd=each, GOMODCACHE=str(cache), GOFLAGS="-modcacherw")
    shutil.rmtree(cache / "cache/download/sumdb", ignore_errors=True)
    (cache / "cache/download").rename(folder)
    shutil.rmtree(cache)


def _toolchain(version: str) -> Path:
    found = _run("go", "env", "GOROOT", GOTOOLCHAIN=f"go{version}")
    return Path(found)


def _buildkit(engine: Engine) -> Path:
    folder = build(engine)
    (folder / "buildctl-daemonless.sh").chmod(0o755)
    return folder


def supplies() -> Supplies:
    """All of it, made now unless it is kept already.

    Raises:
        EngineError: Something cannot be made here; the message is a sentence for the user.
    """
    pins = "".join(path.read_text("utf-8") for path in sorted(MODULES.rglob("go.*")))
    return Supplies(
        root=_kept(
            "root", PACKAGES + Path(__file__).read_text("utf-8").partition("def _root")[2][:2_500], _root
        ),
        go={version: _toolchain(version) for version in (GO, STOCK_GO)},
        buildkit={engine.name.removeprefix("buildkit-"): _buildkit(engine) for engine in TEMPLATE_ENGINES},
        modules=_kept("modules", pins, _modules),
    )


if __name__ == "__main__":
    lacking = install_missing(TOOLS)
    for sentence in lacking:
        print(f"error: {sentence}", file=sys.stderr)
    if lacking:
        sys.exit(2)
    try:
        supplies()
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
