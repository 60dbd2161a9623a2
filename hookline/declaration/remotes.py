"""Remotes: the server and the name of a repository, in every form in which git takes them."""

import re
import subprocess
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from documents.lines import shows
from events.scalars import check_repository_name

__all__ = ["Checkout", "Location", "as_cloned", "host_of", "parse_location", "read_checkout"]

_SCP = re.compile(r"(?:[^@/:\s]+@)?(?P<server>[^@/:\s]+):(?P<path>.+)")
"""The short form of ssh: user@server:path. A / before the colon makes it a folder for git, too."""
_BARE = re.compile(r"(?P<server>[^@/:\s]+\.[^@/:\s]+):(?P<port>[0-9]{1,5})/(?P<path>.+)")
"""SERVER:PORT/OWNER/NAME, as --repository takes it."""
_SERVER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_SSH = {"ssh", "git+ssh", "ssh+git"}
_OVER_443 = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.codeberg.org": "codeberg.org",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""Servers for ssh over port 443 → the server that they belong to."""
_PUBLIC = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "gitea.com": "gitea",
    "codeberg.org": "gitea",
    "gitee.com": "gitee",
    "codeup.aliyun.com": "codeup",
    "bitbucket.org": "bitbucket",
}
_NAMED = {
    "github": "github",
    "gitlab": "gitlab",
    "gitea": "gitea",
    "forgejo": "gitea",
    "gitee": "gitee",
    "codeup": "codeup",
    "bitbucket": "bitbucketserver",
}
_EXPECTED = "expected a server and a name, such as github.com/acme/shop"


@dataclass(frozen=True, slots=True)
class Location:
    """Server, with a port where HTTPS has one of its own, and name of a repository."""

    server: str
    name: str

    @property
    def url(self) -> str:
        """The clone URL over HTTPS."""
        return f"https://{self.server}/{self.name}.git"


def parse_location(text: str) -> Location:
    """Read the URL of a remote, its short form for ssh, or SERVER/OWNER/NAME. A user or token in it is left out.

    Raises:
        ValueError: It names no repository on a server; the message is a sentence for the user.
    """
    if text.startswith(("/", ".", "~", "file:")):
        raise ValueError("a folder sends no events; " + _EXPECTED)
    port: int | None = None
    if "://" in text:
        try:
            url = urllib.parse.urlsplit(text)
            server, path, port = url.hostname or "", url.path, url.port
        except ValueError:
            raise ValueError(_EXPECTED) from None
        by_ssh = url.scheme in _SSH
        if not by_ssh and url.scheme not in {"http", "https", "git"}:
            raise ValueError(_EXPECTED)
        if url.scheme == "http" and port not in {None, 80}:
            raise ValueError(
                f"port {port} serves plain HTTP, which hookline does not clone from; {_EXPECTED}"
            )
        # The port of ssh says nothing about that of HTTPS.
        port = port if url.scheme == "https" and port != 443 else None
    elif (bare := _BARE.fullmatch(text)) is not None:
        server, port, path, by_ssh = bare["server"], int(bare["port"]), bare["path"], False
    elif short := _SCP.fullmatch(text):
        server, path, by_ssh = short["server"], short["path"], True
    else:
        server, _, path = text.partition("/")
        by_ssh = False
        if "." not in server:
            raise ValueError(_EXPECTED)
    server = _OVER_443.get(server.lower(), server.lower())
    if not _SERVER.fullmatch(server) or (port or 0) > 65_535:
        raise ValueError(_EXPECTED)
    if by_ssh and "." not in server:
        raise ValueError(
            f"{server} looks like a name of your SSH configuration, not like a server; {_EXPECTED}"
        )
    name = "/".join(part for part in path.split("/") if part).removesuffix(".git")
    try:
        check_repository_name(name)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    return Location(server if port is None else f"{server}:{port}", name)


def as_cloned(location: Location, host: str) -> tuple[str, str]:
    """Name and clone URL over HTTPS of a repository: Bitbucket Data Center has scm/ in one and not in the other."""
    if host != "bitbucketserver":
        return location.name, location.url
    name = location.name.removeprefix("scm/")
    return name, Location(location.server, f"scm/{name}").url


def host_of(server: str) -> str | None:
    """The word for `host:`, if the server's name says it: a public server, or one whose name has the product's as a part."""
    name = server.partition(":")[0]
    named = (_NAMED[part] for part in name.split(".") if part in _NAMED)
    if name in _PUBLIC or name.endswith(".ghe.com"):
        return _PUBLIC.get(name, "github")
    return next(named, None)


@dataclass(frozen=True, slots=True)
class Checkout:
    """The answers of git about the repository around a folder."""

    remote: str | None
    """URL of the remote origin, or of the only remote; None without one."""
    branch: str
    """The remote's default branch, or the current one."""


def read_checkout(folder: Path) -> Checkout:
    """Ask git about the repository around a folder."""
    remotes = (_git(folder, "remote") or "").split("\n")
    chosen = "origin" if "origin" in remotes or len(remotes) > 1 else remotes[0]
    url = _git(folder, "remote", "get-url", chosen) if chosen else None
    head = _git(folder, "symbolic-ref", "--short", f"refs/remotes/{chosen}/HEAD") if url else None
    branch = head.removeprefix(f"{chosen}/") if head else _git(folder, "symbolic-ref", "--short", "HEAD")
    # A name on which something does not show could end the comments that it stands in; no declaration takes it.
    return Checkout(url, branch if branch and shows(branch) else "main")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed program and arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - git is found where the user has it
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
