"""GitHub: github.com and GitHub Enterprise."""

from events.host import Host, Verification
from events.receivers import GITHUB
from events.webhook_form import SECRET, URL, Choice, WebhookForm

HOST = Host(
    name="github",
    title="GitHub",
    kinds=frozenset({"push", "tag", "pull_request", "merge_group", "ping", "other"}),
    commit_page="{repository}/commit/{sha}",
    request_page="{repository}/pull/{number}",
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    webhook=WebhookForm(
        place="repository or organization: Settings → Webhooks → Add webhook",
        fields=(("Payload URL", URL), ("Content type", "application/json"), ("Secret", SECRET)),
        choices={
            "push": (Choice("Pushes", "push"),),
            "tag": (Choice("Pushes", "push"),),
            "pull_request": (Choice("Pull requests", "pull_request"),),
            "merge_group": (Choice("Merge groups", "merge_group"),),
        },
        comments=(Choice("Issue comments", "issue_comment"),),
    ),
    event_headers=("X-Github-Event",),
    delivery_header="X-Github-Delivery",
    ignores_case=True,
    lists_files=True,
    tells_added_labels=True,
)
