"""GitHub Container Registry, by the package events of GitHub's webhooks."""

from events.host import Host, Verification
from events.receivers import GITHUB

HOST = Host(
    name="ghcr",
    title="GitHub Container Registry",
    kinds=frozenset({"image_push", "ping", "other"}),
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    setup="Webhook with content type application/json, the same secret, and the event packages (or registry packages).",
    event_headers=("X-Github-Event",),
    delivery_header="X-Github-Delivery",
    ignores_case=True,
    registries=("ghcr.io",),
)
