"""Registries that run CNCF distribution: Debian's docker-registry, GitLab's self-managed registry."""

from events.host import Host, Verification
from events.receivers import WEBHOOK
from events.webhook_form import SECRET, URL, WebhookForm

HOST = Host(
    name="distribution",
    title="Distribution registry",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    verification=Verification.BEARER,
    webhook=WebhookForm(
        place="configuration of the registry, under notifications.endpoints",
        fields=(
            ("url", URL),
            ("headers", f"{{Authorization: [Bearer {SECRET}]}}"),
            ("ignore.actions", "[pull]"),
        ),
        choices={"image_push": ()},
    ),
)
