"""Gitea and Forgejo."""

from events.host import Host, Verification
from events.receivers import GITHUB
from events.webhook_form import SECRET, URL, Choice, WebhookForm

HOST = Host(
    name="gitea",
    title="Gitea / Forgejo",
    kinds=frozenset({"push", "tag", "pull_request", "ping", "other"}),
    commit_page="{repository}/commit/{sha}",
    request_page="{repository}/pulls/{number}",
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    webhook=WebhookForm(
        place="repository or organization: Settings → Webhooks → Add Webhook → Gitea or Forgejo",
        fields=(
            ("Target URL", URL),
            ("HTTP Method", "POST"),
            ("POST Content Type", "application/json"),
            ("Secret", SECRET),
        ),
        choices={
            "push": (Choice("Push", "push"),),
            "tag": (Choice("Push", "push"),),
            # New commits of a request are an event of their own here (modules/webhook/type.go).
            "pull_request": (
                Choice("Pull Request", "pull_request"),
                Choice("Pull Request Synchronized", "pull_request_sync"),
            ),
        },
        comments=(Choice("Pull Request Comment", "pull_request_comment"),),
    ),
    event_headers=("X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event", "X-Github-Event"),
    delivery_header="X-Gitea-Delivery",
    ignores_case=True,
    lists_files=True,
)
