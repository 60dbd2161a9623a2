"""Gitea and Forgejo."""

from events.host import Host, Verification
from events.receivers import GITHUB

HOST = Host(
    name="gitea",
    title="Gitea / Forgejo",
    kinds=frozenset({"push", "tag", "pull_request", "ping", "other"}),
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    setup="Webhook of type Gitea or Forgejo with content type application/json, the same secret, and the events Push, Delete, Pull Request and Pull Request Synchronized.",
    event_headers=("X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event", "X-Github-Event"),
    delivery_header="X-Gitea-Delivery",
    ignores_case=True,
    lists_files=True,
)
