"""Registries that run CNCF distribution: Debian's docker-registry, GitLab's self-managed registry."""

from events.host import Host, Verification
from events.receivers import WEBHOOK

HOST = Host(
    name="distribution",
    title="Distribution registry",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    verification=Verification.BEARER,
    setup="notifications.endpoints of the registry's config with headers: {Authorization: [Bearer <token>]}; ignore.actions [pull] saves traffic.",
)
