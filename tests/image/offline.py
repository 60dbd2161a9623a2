"""Base images for a machine without a registry, a podman store of one's own, and hookline's image built in it by `make image`.

The archive of the newest image is kept for tests that run it: `kept_image`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from cluster.engines import cache_folder

from hookline.version import VERSION

__all__ = ["FLAGS", "ROOT", "SHELLS", "Store", "keep_image", "kept_image", "make_image"]

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = "python3,python3-venv,ca-certificates"
SUITE = "bookworm"
"""Its Python is the 3.11 that the Containerfile names."""
SHELLS = ("sh", "dash", "bash", "rbash")
"""What the base of the result lacks: hookline needs none of them."""
KEPT_SECONDS = 86_400
"""How long the archive of an image is kept at least."""
_LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=8192:8192")
"""podman's own are above what a container inside a container may set."""
FLAGS = ("--network=host", "--volume=/etc/ssl/certs:/etc/ssl/certs:ro", *_LIMITS)
"""Of a build: it reaches the package index as this machine does, with the authorities that this machine trusts."""


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[:3])} failed:\n{done.stdout[-2_000:]}\n{done.stderr[-2_000:].strip()}"
        )
    return done.stdout + done.stderr


def _wanted(member: tarfile.TarInfo, *, shells: bool) -> bool:
    path = Path(member.name)
    # As in Python's official images: the standard library comes without bytecode.
    if "__pycache__" in path.parts or path.suffix == ".pyc":
        return False
    return shells or not (path.parent.name == "bin" and path.name in SHELLS)


def _cache() -> Path:
    """Folder for what is made once."""
    return cache_folder().parent / "image"


def _base(*, shells: bool) -> Path:
    """A root of Debian's packages as a tar file, made once and kept: with or without shells."""
    code = Path(__file__).read_text("utf-8").partition("def _wanted")[2].partition("class Store")[0]
    digest = hashlib.sha256(f"{PACKAGES} {SUITE} {SHELLS} {code}".encode()).hexdigest()[:12]
    cache = _cache()
    kept = cache / f"{'build' if shells else 'run'}-{digest}.tar"
    if kept.exists():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as folder:
        made = Path(folder) / "root.tar"
        _run(
            "mmdebstrap", "--variant=minbase", f"--include={PACKAGES}",
            *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")),
            SUITE, str(made),
        )  # fmt: skip
        for name, has_shells in (("build", True), ("run", False)):
            reduced = Path(folder) / name
            with tarfile.open(made) as source, tarfile.open(reduced, "w") as target:
                for member in source:
                    if _wanted(member, shells=has_shells):
                        target.addfile(member, source.extractfile(member) if member.isreg() else None)
            reduced.rename(cache / f"{name}-{digest}.tar")
    return kept


class Store:
    """Images of podman in a folder: nothing of the machine's own is seen or changed."""

    def __init__(self, folder: Path) -> None:
        configuration = folder / "storage.conf"
        configuration.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n',
            "utf-8",
        )
        self.environment = {"CONTAINERS_STORAGE_CONF": str(configuration)}
        self.bases = {shells: f"localhost/python:{'build' if shells else 'run'}" for shells in (True, False)}

    def __enter__(self) -> Self:
        try:
            for shells, name in self.bases.items():
                self.podman("import", str(_base(shells=shells)), name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # podman mounts its folder onto itself: only podman's own reset lets go of it.
        subprocess.run(
            ["podman", "system", "reset", "--force"],
            env=os.environ | self.environment, capture_output=True, check=False,
        )  # fmt: skip

    def podman(self, *arguments: str) -> str:
        """Everything that a podman command prints; it may not fail."""
        return _run("podman", *arguments, **self.environment)

    def command(self, *arguments: str, image: str, options: Sequence[str] = ()) -> list[str]:
        """The command of a container as a pod runs it: another user, nothing that can be written, no rights."""
        return [
            "podman", "run", "--rm", "--read-only", "--read-only-tmpfs=false", "--user=65532:65532", "--cap-drop=all",
            "--security-opt=no-new-privileges", *_LIMITS, *options, image, *arguments,
        ]  # fmt: skip


def make_image(store: Store, folder: Path, **settings: str) -> Path:
    """Run `make image` with the bases of a store; the archive of the image, in the folder of what stands beside it and of the log."""
    archive = folder / f"hookline-{VERSION}-image.tar"
    said = _run(
        "make", "image", "BUILDER=podman",
        f"BASE={store.bases[False]}", f"BUILD_BASE={store.bases[True]}", f"DIST={folder}", f"IMAGE_ARCHIVE={archive}",
        f"IMAGE_FLAGS={' '.join(FLAGS)}",
        *(f"{name}={value}" for name, value in settings.items()),
        **store.environment,
    )  # fmt: skip
    (folder / "build.log").write_text(said, "utf-8")
    return archive


def _made_of() -> Iterator[Path]:
    """Every file that the image is made of, and what makes it."""
    listed = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for name in ("Containerfile", "release", *(line[1:] for line in listed if line.startswith("!"))):
        found = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*"))
        yield from (each for each in found if each.is_file() and "__pycache__" not in each.parts)


def _place() -> Path:
    """Where the archive of an image made of these files is kept."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in _made_of():
        digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return _cache() / f"hookline-{digest.hexdigest()[:12]}.tar"


def keep_image(archive: Path, place: Path | None = None) -> Path:
    """Keep an archive of the files as they are now, or as they were when this place was asked for; those of yesterday go."""
    kept = place or _place()
    kept.parent.mkdir(parents=True, exist_ok=True)
    for old in kept.parent.glob("hookline-*.tar"):
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:
            old.unlink()
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".making-") as folder:
        return Path(shutil.copyfile(archive, Path(folder) / "image.tar")).rename(kept)


def kept_image() -> Path:
    """The archive of hookline's image as its files are now, made unless it is kept already. Takes root."""
    kept = _place()
    if kept.exists():
        return kept
    print("the image of hookline: making ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="hookline-image-") as scratch, Store(Path(scratch)) as own:
        return keep_image(make_image(own, Path(scratch) / "dist"), kept)
