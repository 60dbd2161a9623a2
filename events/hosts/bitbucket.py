"""Bitbucket Cloud, bitbucket.org."""

from events.host import Host, Verification
from events.receivers import GITHUB
from events.webhook_form import SECRET, URL, Choice, WebhookForm

HOST = Host(
    name="bitbucket",
    title="Bitbucket Cloud",
    kinds=frozenset({"push", "tag", "other"}),
    commit_page="{repository}/commits/{sha}",
    request_page="{repository}/pull-requests/{number}",
    # It signs as GitHub did at first: X-Hub-Signature, with sha256=. Argo's own source for it checks nothing (argo-events 1.9.10).
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    webhook=WebhookForm(
        place="repository or workspace: Settings → Webhooks → Add webhook",
        fields=(("URL", URL), ("Secret", SECRET), ("Status", "Active")),
        choices={
            "push": (Choice("Repository: Push", "repo:push"),),
            "tag": (Choice("Repository: Push", "repo:push"),),
        },
    ),
    delivery_header="X-Request-Uuid",
    ignores_case=True,
    several_refs=True,
    lacks={
        "pull_request": "it cuts the commit of a request to 12 digits, so no run could be sure of its commit; build the branches of requests with push:, "
        "whose statuses show at the request",
    },
)
