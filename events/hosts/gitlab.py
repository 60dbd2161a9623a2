"""GitLab: gitlab.com and self-managed."""

from events.host import Host, Verification
from events.receivers import WEBHOOK
from events.webhook_form import SECRET, URL, Choice, WebhookForm

HOST = Host(
    name="gitlab",
    title="GitLab",
    kinds=frozenset({"push", "tag", "pull_request", "other"}),
    # GitLab's own event source verifies nothing unless it manages the hooks (tried on argo-events 1.9.10).
    commit_page="{repository}/-/commit/{sha}",
    request_page="{repository}/-/merge_requests/{number}",
    receiver=WEBHOOK,
    verification=Verification.BEARER,
    webhook=WebhookForm(
        place="project or group: Settings → Webhooks → Add new webhook",
        fields=(
            ("URL", URL),
            ("Custom headers", f"Authorization: Bearer {SECRET}"),
            ("Custom webhook template", "leave it empty"),
        ),
        choices={
            "push": (Choice("Push events", "push_events"),),
            "tag": (Choice("Tag push events", "tag_push_events"),),
            "pull_request": (Choice("Merge request events", "merge_requests_events"),),
        },
        comments=(Choice("Comments", "note_events"),),
    ),
    delivery_header="Idempotency-Key",
    ignores_case=True,
    lists_files=True,
    tells_added_labels=True,
    request_refs="refs/merge-requests/",
)
