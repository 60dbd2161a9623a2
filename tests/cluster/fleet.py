"""A fleet: many repositories with a pipeline each, and pushes to them."""

import hashlib
from typing import Any

from cluster.bus_client import cloud_event
from cluster.installation import Installation
from support import github_push

__all__ = ["fleet", "push_body", "push_event"]


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
