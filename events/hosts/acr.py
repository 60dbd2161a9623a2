"""Alibaba Cloud Container Registry, personal and Enterprise Edition."""

from events.host import Host, Verification
from events.receivers import WEBHOOK

HOST = Host(
    name="acr",
    title="Alibaba Cloud ACR",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    # A trigger has a URL and nothing else: no secret, header or signature (CreateRepoTrigger, document_detail/451368).
    verification=Verification.NONE,
    setup="Trigger of the repository with the URL of the endpoint, HTTPS on port 443.",
)
