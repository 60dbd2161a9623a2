"""Docker Hub."""

from events.host import Host, Verification
from events.receivers import WEBHOOK
from events.webhook_form import URL, WebhookForm

HOST = Host(
    name="dockerhub",
    title="Docker Hub",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    verification=Verification.NONE,
    webhook=WebhookForm(
        place="repository: Webhooks",
        fields=(("Webhook URL", URL),),
        choices={"image_push": ()},
    ),
    ignores_case=True,
    official_namespace="library",
    registries=("docker.io", "index.docker.io", "registry-1.docker.io"),
)
