"""GitHub Container Registry, by the package events of GitHub's webhooks."""

from events.host import Host, Verification
from events.receivers import GITHUB
from events.webhook_form import SECRET, URL, Choice, WebhookForm

HOST = Host(
    name="ghcr",
    title="GitHub Container Registry",
    kinds=frozenset({"image_push", "ping", "other"}),
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    webhook=WebhookForm(
        place="repository or organization: Settings → Webhooks → Add webhook",
        fields=(("Payload URL", URL), ("Content type", "application/json"), ("Secret", SECRET)),
        choices={"image_push": (Choice("Packages", "package"),)},
    ),
    event_headers=("X-Github-Event",),
    delivery_header="X-Github-Delivery",
    ignores_case=True,
    registries=("ghcr.io",),
)
