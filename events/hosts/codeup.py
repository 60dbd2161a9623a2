"""Codeup, the git host of Alibaba Cloud DevOps (Yunxiao)."""

from events.host import Host, Verification
from events.receivers import WEBHOOK
from events.webhook_form import URL, Choice, WebhookForm

HOST = Host(
    name="codeup",
    title="Codeup",
    kinds=frozenset({"push", "tag", "pull_request", "ping", "other"}),
    commit_page="{repository}/commits/{sha}",
    request_page="{repository}/merge_requests/{number}",
    receiver=WEBHOOK,
    # A Secret Token is sent as X-Codeup-Token, a header that Argo Events compares with nothing (help.aliyun.com, "Webhooks settings").
    verification=Verification.NONE,
    webhook=WebhookForm(
        place="repository: Settings → Webhooks → Create Webhook",
        fields=(
            ("URL", URL),
            # It is a header, and would lie on the bus.
            ("Secret Token", "leave it empty"),
        ),
        choices={
            "push": (Choice("Push events", "pushEvents"),),
            "tag": (Choice("Tag push events", "tagPushEvents"),),
            "pull_request": (Choice("Merge request events", "mergeRequestsEvents"),),
        },
        comments=(Choice("Comments", "noteEvents"),),
    ),
    # The same page.
    senders=("47.98.116.130/32", "47.111.186.29/32"),
)
