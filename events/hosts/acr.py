"""Alibaba Cloud Container Registry, personal and Enterprise Edition."""

from events.host import Host, Verification
from events.receivers import WEBHOOK
from events.webhook_form import URL, Choice, WebhookForm

HOST = Host(
    name="acr",
    title="Alibaba Cloud ACR",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    # A trigger has a URL and nothing else: no secret, header or signature (CreateRepoTrigger, document_detail/451368).
    verification=Verification.NONE,
    webhook=WebhookForm(
        place="repository: Trigger → Create",
        # HTTPS on port 443, with a certificate that is not self-signed.
        fields=(("Trigger URL", URL),),
        choices={"image_push": (Choice("All", "ALL"),)},
    ),
)
