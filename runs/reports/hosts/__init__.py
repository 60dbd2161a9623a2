"""Git hosts that take statuses."""

from collections.abc import Mapping

from runs.reports.host_api import HostApi
from runs.reports.hosts import bitbucket, bitbucketserver, codeup, gitea, github, gitlab

__all__ = ["HOST_APIS"]

HOST_APIS: Mapping[str, HostApi] = {
    each.name: each
    for each in (github.API, gitlab.API, gitea.API, codeup.API, bitbucket.API, bitbucketserver.API)
}
"""Name of a host, as in `sources:` → its API."""
