"""Gitee: gitee.com and servers of its enterprise edition."""

from events.host import Host, Verification
from events.receivers import WEBHOOK
from events.webhook_form import URL, Choice, WebhookForm

HOST = Host(
    name="gitee",
    title="Gitee",
    kinds=frozenset({"push", "tag", "pull_request", "ping", "other"}),
    commit_page="{repository}/commit/{sha}",
    request_page="{repository}/pulls/{number}",
    receiver=WEBHOOK,
    # X-Gitee-Token is the password, or an HMAC of a time that covers no body (help.gitee.com, "WebHook key verification"). Argo Events
    # compares neither.
    verification=Verification.NONE,
    webhook=WebhookForm(
        place="repository: Management → WebHooks → Add",
        fields=(
            ("URL", URL),
            # It is sent in the body too, and would lie on the bus.
            ("WebHook password", "leave it empty"),
        ),
        choices={
            "push": (Choice("Push", "push_events"),),
            "tag": (Choice("Tag Push", "tag_push_events"),),
            "pull_request": (Choice("Pull Request", "merge_requests_events"),),
        },
        comments=(Choice("Comment", "note_events"),),
    ),
    lists_files=True,
)
