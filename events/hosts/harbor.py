"""Harbor."""

from events.host import Host, Verification
from events.receivers import WEBHOOK
from events.webhook_form import SECRET, URL, Choice, WebhookForm

HOST = Host(
    name="harbor",
    title="Harbor",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    verification=Verification.BEARER,
    webhook=WebhookForm(
        place="project: Webhooks → New Webhook",
        fields=(
            ("Notify Type", "http"),
            ("Payload Format", "Default or CloudEvents"),
            ("Endpoint URL", URL),
            ("Auth Header", f"Bearer {SECRET}"),
        ),
        choices={"image_push": (Choice("Artifact pushed", "PUSH_ARTIFACT"),)},
    ),
)
