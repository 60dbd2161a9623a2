"""The starter file: a commented hookline.yaml for the repository in the current folder."""

import json
import re
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from documents.lines import shows
from events.host import host_names

__all__ = ["Remote", "read_remote", "starter"]


@dataclass(frozen=True, slots=True)
class Remote:
    """Server, name and branch of a git remote."""

    server: str
    name: str
    branch: str

    @property
    def url(self) -> str:
        """The clone URL over HTTPS."""
        return f"https://{self.server}/{self.name}.git"

    @property
    def host(self) -> str | None:
        """The word for `host:`, by the server's name; None if the name does not say it."""
        for word, host in (
            ("github", "github"),
            ("gitlab", "gitlab"),
            ("gitea", "gitea"),
            ("forgejo", "gitea"),
            ("codeberg", "gitea"),
        ):
            if word in self.server:
                return host
        return None


_REMOTE = re.compile(
    r"(?:https?://(?:[^@/]*@)?|ssh://(?:[^@/]*@)?|[^@/\s]+@)(?P<server>[A-Za-z0-9.-]+)(?::[0-9]+)?[:/](?P<name>[A-Za-z0-9._~/-]+?)(?:\.git)?/?"
)


def read_remote(folder: Path) -> Remote | None:
    """The remote `origin` of the git repository around a folder, with its default branch; None if there is none.

    A user or token in the remote's URL is left out.
    """
    url = _git(folder, "remote", "get-url", "origin")
    match = _REMOTE.fullmatch(url or "")
    if match is None or "/" not in match["name"]:
        return None
    head = _git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    branch = head.removeprefix("origin/") if head else _git(folder, "symbolic-ref", "--short", "HEAD")
    # A name on which something does not show could end the comments that it stands in; no declaration takes it.
    return Remote(match["server"], match["name"], branch if branch and shows(branch) else "main")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed program and arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - git is found where the user has it
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _quoted(branch: str) -> str:
    """A branch name as YAML text: `1.20`, `on` and `fix/#12` are something else without quotes."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9._/-]*", branch) and yaml.safe_load(branch) == branch
    return branch if plain else json.dumps(branch, ensure_ascii=False)


def starter(remote: Remote) -> str:
    """The text of a first hookline.yaml; every line of it is valid."""
    pipeline = (
        re.sub(r"[^a-z0-9]+", "-", remote.name.rsplit("/", 1)[-1].lower()).strip("-")[:52].strip("-")
        or "build"
    )
    host, branch = remote.host or "github", _quoted(remote.branch)
    guess = (
        ""
        if remote.host
        else f"            # a guess, because the server's name does not say it; accepted: {', '.join(host_names())}"
    )
    image_path = re.sub(r"[^a-z0-9._/-]+", "-", remote.name.lower()).strip("-./_")
    return f"""\
# yaml-language-server: $schema=./hookline.schema.json
# The schema for your editor: hookline schema > hookline.schema.json
version: 1

cluster:
  namespace: ci                # namespace of the objects and the Workflows
  platform: argo               # or ack-one, the managed product of Alibaba Cloud

sources:
  {host}:
    host: {host}{guess}
    endpoint: /{host}            # the path to which the host delivers
    secret: {{name: {host}-webhook, key: secret}}
    # Create the Secret, and set the same text at the host. These commands never create an empty Secret, which would let everybody deliver.
    # $ (umask 077; openssl rand -hex 32 > {host}-webhook.secret) && test -s {host}-webhook.secret &&
    # $ kubectl -n ci create secret generic {host}-webhook --from-file=secret={host}-webhook.secret
  # A registry that cannot sign is protected only by its path. This path was made for you; keep it secret:
  # acr:
  #   host: acr
  #   endpoint: /acr/{secrets.token_urlsafe(24)}
  #   unverified: {{because: "ACR cannot sign its notifications", allowed_cidrs: ["203.0.113.0/24"]}}

defaults:
  run:
    template: ci-go-v1         # or hookline-ci-go, which builds the event's commit: hookline template hookline-ci-go
    # spot: {{strategy: SpotAsPriceGo, fallback: true}}     # ECI spot instances

pipelines:
  {pipeline}:
    repository:
      source: {host}
      name: {remote.name}
      url: {remote.url}
    image: registry.example.com/{image_path}     # change this: the image to push, without tag
    events:
      push:
        branches: [{branch}]
        # paths: {{exclude: ["docs/**", "**/*.md"]}}
      # tag: {{tags: ["v*"], branch: {branch}}}
      # pull_request: {{into: [{branch}]}}
      # schedule: {{at: "30 2 * * 1-5", timezone: Asia/Shanghai, spread: 20m, branch: {branch}}}
"""
