"""Fleets: many repositories with a pipeline each, or many pipelines of one image or repository, and events of them."""

import hashlib
from typing import Any

from cluster.bus_client import cloud_event
from cluster.installation import Installation
from support import edited, github_push, payload

__all__ = [
    "HOOKLINE_IMAGE",
    "base_image",
    "base_image_event",
    "fleet",
    "monorepo",
    "monorepo_event",
    "push_body",
    "push_event",
]

HOOKLINE_IMAGE = f"registry.example.com/hookline@sha256:{'0' * 64}"
"""Named as the image of hookline's own pods; nobody pulls it here."""


def fleet(
    repositories: int, shards: int = 1, prefix: str = "", branches: str = "main", run: str = "{}"
) -> str:
    """The declaration of a fleet.

    Args:
        repositories: acme/service-0000 and so on.
        shards: Sensors that share them.
        prefix: Of all pipelines' names; another one is an edit of every pipeline.
        branches: That their pushes build.
        run: Settings of all their runs, as YAML.
    """
    pipelines = "".join(
        f"""
  {prefix}service-{number:04d}:
    repository: {{source: github, name: acme/service-{number:04d}, url: "https://github.com/acme/service-{number:04d}.git"}}
    image: registry.example.com/acme/service-{number:04d}
    events: {{push: {{branches: [{branches}]}}}}"""
        for number in range(repositories)
    )
    return f"""\
version: 1
cluster: {{namespace: ci, shards: {shards}, event_bus: {{replicas: 1}}}}
sources:
  github: {{host: github, endpoint: /github, secret: {{name: hooks, key: github}}}}
defaults: {{run: {run}}}
pipelines:{pipelines}
"""


def push_body(repository: int, commit: int = 0, branch: str = "main") -> Any:
    """A push to one repository of the fleet; each commit is another run."""
    sha = hashlib.sha1(f"{repository} {commit}".encode()).hexdigest()  # noqa: S324 - as git names commits
    return github_push(
        ref=f"refs/heads/{branch}",
        after=sha,
        head_commit__id=sha,
        repository__full_name=f"acme/service-{repository:04d}",
    )


def push_event(
    site: Installation, repository: int, commit: int = 0, delivery: str = "", branch: str = "main"
) -> dict[str, Any]:
    """The same as it stands on the bus; another delivery of it is another event."""
    endpoint = site.plan.endpoints["github"]
    data = {
        "headers": {"X-Github-Event": ["push"], "X-Github-Delivery": [f"d-{repository}-{commit}"]},
        "body": push_body(repository, commit, branch),
    }
    event_id = f"event-{repository}-{commit}-{delivery}-{branch}"
    return cloud_event(endpoint.event_source, endpoint.name, data, event_id)


def base_image(pipelines: int, cluster: str = "", more: str = "") -> str:
    """The declaration of many pipelines on one base image.

    Args:
        pipelines: service-0000 and so on.
        cluster: Further keys of the cluster, as `key: value, `.
        more: Further keys of every other pipeline, each on a line of its own.
    """
    return f"""\
version: 1
cluster: {{namespace: ci, {cluster}event_bus: {{replicas: 1}}}}
sources:
  harbor: {{host: harbor, endpoint: /harbor, secret: {{name: hooks, key: harbor}}}}
pipelines:
""" + "".join(
        f"""\
  service-{number:04d}:
    repository: {{name: acme/service-{number:04d}, url: "https://github.com/acme/service-{number:04d}.git"}}
    image: registry.example.com/acme/service-{number:04d}
    events: {{image_push: {{source: harbor, image: base/go, tags: ["1.*"], branch: main}}}}
{more if number % 2 else ""}"""
        for number in range(pipelines)
    )


def monorepo(parts: int, cluster: str = "", shared: str = "") -> str:
    """The declaration of one repository with a pipeline for each of its parts.

    Args:
        parts: part-00 and so on; each has a folder.
        cluster: Further keys of the cluster, as `key: value, `.
        shared: A file of which every part is built again.
    """
    more = f', "{shared}"' if shared else ""
    return f"""\
version: 1
cluster: {{namespace: ci, {cluster}event_bus: {{replicas: 1}}}}
sources:
  github: {{host: github, endpoint: /github, secret: {{name: hooks, key: github}}}}
pipelines:
""" + "".join(
        f"""\
  part-{number:02d}:
    repository: {{source: github, name: acme/service-0000, url: "https://github.com/acme/service-0000.git"}}
    image: registry.example.com/acme/part-{number:02d}
    events: {{push: {{branches: [main], paths: ["part-{number:02d}/**"{more}]}}}}
"""
        for number in range(parts)
    )


def base_image_event(
    site: Installation,
    number: int = 0,
    *,
    tag: str = "1.26",
    delivery: str = "",
    time: str = "2026-11-24T02:30:00Z",
) -> dict[str, Any]:
    """A push of the base image as it stands on the bus; each number is another digest, another delivery of it another event.

    Args:
        site: Whose bus.
        number: Of the digest.
        tag: That is pushed.
        delivery: What tells the event from another one of the same push.
        time: Of the event, RFC 3339.
    """
    digest = hashlib.sha256(f"{number}".encode()).hexdigest()
    resource = {"digest": f"sha256:{digest}", "tag": tag, "resource_url": f"harbor.example.com/base/go:{tag}"}
    body = edited(payload("harbor/push_artifact"), event_data__resources=[resource])
    endpoint = site.plan.endpoints["harbor"]
    event_id = f"image-{number}-{tag}-{delivery}"
    return cloud_event(endpoint.event_source, endpoint.name, {"header": {}, "body": body}, event_id, time)


def monorepo_event(site: Installation, number: int, *files: str) -> dict[str, Any]:
    """A push to the monorepo that changes these files."""
    event = push_event(site, 0, commit=number, delivery=",".join(files))
    event["data"]["body"]["commits"][0]["modified"] = list(files)
    return event
