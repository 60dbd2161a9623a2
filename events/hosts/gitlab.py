"""GitLab: gitlab.com and self-managed."""

from events.host import Host, Verification
from events.receivers import WEBHOOK

HOST = Host(
    name="gitlab",
    title="GitLab",
    kinds=frozenset({"push", "tag", "pull_request", "other"}),
    # GitLab's own event source verifies nothing unless it manages the hooks (tried on argo-events 1.9.10).
    receiver=WEBHOOK,
    verification=Verification.BEARER,
    setup="Webhook with the default body template, the custom header Authorization: Bearer <token>, and the triggers push, tag push and merge request events.",
    delivery_header="Idempotency-Key",
    ignores_case=True,
    lists_files=True,
    tells_added_labels=True,
)
