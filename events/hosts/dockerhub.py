"""Docker Hub."""

from events.host import Host, Verification
from events.receivers import WEBHOOK

HOST = Host(
    name="dockerhub",
    title="Docker Hub",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    verification=Verification.NONE,
    setup="Webhook of the repository with the URL of the endpoint.",
    ignores_case=True,
    official_namespace="library",
    registries=("docker.io", "index.docker.io", "registry-1.docker.io"),
)
