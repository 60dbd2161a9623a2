"""Build hookline's image, the list of its parts (SBOM) and their checksums, with podman, buildah or docker.

`make image` runs it with the Python of the machine; it needs nothing beyond the standard library and git. Its settings are
environment variables, which docs/releasing.md lists.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hookline.version import VERSION
from release.checksums import ROOT, release_folder, write_checksums

__all__ = ["BUILDERS", "Commit", "Settings", "commands", "commit", "public_address"]

BUILDERS = ("podman", "buildah", "docker")
"""In the order in which they are looked for."""
_TO_CONTAINERFILE = ("BASE", "BUILD_BASE", "INDEX", "UV_VERSION")
"""Settings that are arguments of the Containerfile, with defaults there."""
_SCP = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?!//)/*(?P<path>.+)")


@dataclass(frozen=True, slots=True)
class Commit:
    """The state of the source that the labels of the image name."""

    revision: str
    """Commit, 40 hex digits; with `-dirty` if files differ from it; empty where there is no git."""
    seconds: int
    """Its time, since 1970: every file of the image gets it."""
    source: str
    """Address of the repository; empty if it has none that others could open."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to build, and with what."""

    builder: str
    """One of BUILDERS."""
    version: str
    name: str
    """Of the image, with its tag."""
    commit: Commit
    arguments: Mapping[str, str]
    """Arguments of the Containerfile that differ from its defaults."""
    flags: Sequence[str]
    """More options of the builder, such as `--network=host`."""
    folder: Path
    """Where the files beside the image go."""
    archive: Path | None
    """File to keep the image in, as an OCI archive."""


def public_address(remote: str) -> str:
    """The address of a git remote as anybody may see it: without user and password; empty for a local path."""
    scp = _SCP.fullmatch(remote)
    if scp is not None and "://" not in remote:
        return f"ssh://{scp['user']}@{scp['host']}/{scp['path']}"
    parts = urllib.parse.urlsplit(remote)
    if parts.scheme not in {"https", "http", "ssh", "git"} or not parts.hostname:
        return ""
    # The user of ssh is a part of the address (git@); one of https may be a token.
    user = f"{parts.username}@" if parts.scheme == "ssh" and parts.username else ""
    return urllib.parse.urlunsplit((parts.scheme, user + parts.netloc.rpartition("@")[2], parts.path, "", ""))


def commands(settings: Settings) -> list[list[str]]:
    """The commands that make the image, then the list of its parts, then the archive."""
    given = {
        **settings.arguments,
        "VERSION": settings.version,
        "REVISION": settings.commit.revision,
        "SOURCE": settings.commit.source,
        "SOURCE_DATE_EPOCH": str(settings.commit.seconds),
    }
    # buildah and podman give every file of a layer this time; docker's builder reads SOURCE_DATE_EPOCH for the image itself.
    times = [] if settings.builder == "docker" else ["--format=oci", f"--timestamp={settings.commit.seconds}"]
    layers = ["--layers"] if settings.builder == "buildah" else []
    build = [
        settings.builder, "build", *times, *layers, *settings.flags,
        *(f"--build-arg={name}={value}" for name, value in given.items()),
        "--file=Containerfile",
    ]  # fmt: skip
    made = [
        [*build, f"--tag={settings.name}", "."],
        [*build, "--target=parts", f"--output=type=local,dest={settings.folder}", "."],
    ]
    if settings.archive is not None:
        archive = str(settings.archive)
        made.append(
            {
                "podman": ["podman", "save", "--format=oci-archive", f"--output={archive}", settings.name],
                "buildah": ["buildah", "push", settings.name, f"oci-archive:{archive}:{settings.name}"],
                "docker": ["docker", "save", f"--output={archive}", settings.name],
            }[settings.builder]
        )
    return made


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip() if done.returncode == 0 else ""


def commit() -> Commit:
    """The state of the checkout; REVISION, SOURCE_DATE_EPOCH and SOURCE, where they are set, stand in for what git says."""
    # A folder without git may lie in somebody else's repository: its commit says nothing of these files.
    ours = _git("rev-parse", "--show-toplevel") == str(ROOT)
    revision, seconds, remote = (
        (_git("rev-parse", "HEAD"), _git("log", "-1", "--format=%ct"), _git("remote", "get-url", "origin"))
        if ours
        else ("", "", "")
    )
    if revision and _git("status", "--porcelain"):
        revision += "-dirty"
    return Commit(
        os.environ.get("REVISION") or revision,
        int(os.environ.get("SOURCE_DATE_EPOCH") or seconds or 0),
        os.environ.get("SOURCE") or public_address(remote),
    )


def _settings() -> Settings:
    chosen = os.environ.get("BUILDER") or next((each for each in BUILDERS if shutil.which(each)), None)
    if chosen not in BUILDERS:
        said = f"BUILDER is {chosen}" if chosen else "none of them is on the PATH"
        raise SystemExit(f"error: an image is built by {', '.join(BUILDERS)}; {said}")
    archive = os.environ.get("IMAGE_ARCHIVE")
    return Settings(
        builder=chosen,
        version=VERSION,
        name=os.environ.get("IMAGE") or f"localhost/hookline:{VERSION}",
        commit=commit(),
        arguments={name: os.environ[name] for name in _TO_CONTAINERFILE if os.environ.get(name)},
        flags=shlex.split(os.environ.get("IMAGE_FLAGS", "")),
        folder=release_folder(),
        archive=Path(archive).absolute() if archive else None,
    )


def main() -> None:
    """Build; the first command that fails ends this one with its exit code."""
    settings = _settings()
    if not settings.commit.source:
        print("note: git knows no address of this repository; give the label's as SOURCE=https://…", file=sys.stderr)  # fmt: skip
    settings.folder.mkdir(parents=True, exist_ok=True)
    if settings.archive is not None:
        # podman adds to an archive that is there.
        settings.archive.parent.mkdir(parents=True, exist_ok=True)
        settings.archive.unlink(missing_ok=True)
    for command in commands(settings):
        done = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603 - ours, with the user's own settings
        if done.returncode:
            raise SystemExit(done.returncode)
    sums = write_checksums(settings.folder, settings.version)
    print(f"{settings.name}; beside it: {sums.parent}")


if __name__ == "__main__":
    main()
