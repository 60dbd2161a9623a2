"""GitHub: github.com and GitHub Enterprise."""

from events.host import Host, Verification
from events.receivers import GITHUB

HOST = Host(
    name="github",
    title="GitHub",
    kinds=frozenset({"push", "tag", "pull_request", "ping", "other"}),
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    setup="Webhook with content type application/json, the same secret, and the events pushes and pull requests.",
    event_headers=("X-Github-Event",),
    delivery_header="X-Github-Delivery",
    ignores_case=True,
    lists_files=True,
    tells_added_labels=True,
)
