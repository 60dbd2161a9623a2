"""The starter file: a commented hookline.yaml for a repository."""

import json
import re
import secrets

import yaml

from events.host import Verification
from events.host import host as record_of
from hookline.declaration.remotes import Location, as_cloned

__all__ = ["random_endpoint", "starter"]


def random_endpoint(source: str) -> str:
    """An endpoint path that nobody can guess: the only secret of a source that cannot sign."""
    # Hex: base64 of random bytes may look like a word, which is refused, since it has no digit.
    return f"/{source}/{secrets.token_hex(24)}"


def _quoted(branch: str) -> str:
    """A branch name as YAML text: `1.20`, `on` and `fix/#12` are something else without quotes."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9._/-]*", branch) and yaml.safe_load(branch) == branch
    return branch if plain else json.dumps(branch, ensure_ascii=False)


def _source(host: str) -> str:
    """The lines of the source below its name."""
    record = record_of(host)
    if record.verification is Verification.NONE:
        known = ", ".join(f'"{each}"' for each in record.senders) or '"203.0.113.0/24"'
        said = "the host delivers from these" if record.senders else "change this: the addresses of the host"
        return f"""\
    host: {host}
    # {record.title} proves nothing that Argo Events checks: this source is protected only by its path, which was made for you, and by a
    # NetworkPolicy. Keep the path secret; hookline docs sources says how it stays out of Git.
    endpoint: {random_endpoint(host)}
    unverified:
      because: "{record.title} sends no proof that Argo Events checks"
      allowed_cidrs: [{known}]     # {said}"""
    return f"""\
    host: {host}
    endpoint: /{host}            # the path to which the host delivers
    secret: {{name: {host}-webhook, key: secret}}
    # Create the Secret, and set the same text at the host. These commands never create an empty Secret, which would let everybody deliver.
    # $ (umask 077; openssl rand -hex 32 > {host}-webhook.secret) && test -s {host}-webhook.secret &&
    # $ kubectl -n ci create secret generic {host}-webhook --from-file=secret={host}-webhook.secret"""


def starter(repository: Location, host: str, branch: str) -> str:
    """The text of a first hookline.yaml; every line of it is valid.

    Args:
        repository: To build.
        host: The word for `host:`.
        branch: To build.
    """
    pipeline = (
        re.sub(r"[^a-z0-9]+", "-", repository.name.rsplit("/", 1)[-1].lower()).strip("-")[:52].strip("-")
        or "build"
    )
    branch = _quoted(branch)
    name, url = as_cloned(repository, host)
    takes_requests = "pull_request" in record_of(host).kinds
    requests = f"      # pull_request: {{into: [{branch}]}}\n" if takes_requests else ""
    image_path = re.sub(r"[^a-z0-9._/-]+", "-", name.lower()).strip("-./_")
    return f"""\
# yaml-language-server: $schema=./hookline.schema.json
# The schema for your editor: hookline schema > hookline.schema.json
version: 1

cluster:
  namespace: ci                # namespace of the objects, and of the Workflows of pipelines without a namespace: of their own
  platform: argo               # or ack-one, the managed product of Alibaba Cloud

sources:
  {host}:
{_source(host)}
  # A registry that cannot sign is protected only by its path. This path was made for you; keep it secret:
  # acr:
  #   host: acr
  #   endpoint: {random_endpoint("acr")}
  #   unverified: {{because: "ACR cannot sign its notifications", allowed_cidrs: ["203.0.113.0/24"]}}

defaults:
  run:
    template: ci-go-v1         # or hookline-ci-go, which builds the event's commit: hookline template hookline-ci-go
    # spot: {{strategy: SpotAsPriceGo, fallback: true}}     # ECI spot instances

pipelines:
  {pipeline}:
    repository:
      source: {host}
      name: {name}
      url: {url}
    image: registry.example.com/{image_path}     # change this: the image to push, without tag
    events:
      push:
        branches: [{branch}]
        # paths: {{exclude: ["docs/**", "**/*.md"]}}
      # tag: {{tags: ["v*"], branch: {branch}}}
{requests}      # schedule: {{at: "30 2 * * 1-5", timezone: Asia/Shanghai, spread: 20m, branch: {branch}}}
"""
