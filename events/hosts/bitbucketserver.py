"""Bitbucket Data Center, and Bitbucket Server."""

from events.host import Host, Verification
from events.receivers import GITHUB
from events.webhook_form import SECRET, URL, Choice, WebhookForm

HOST = Host(
    name="bitbucketserver",
    title="Bitbucket Data Center",
    kinds=frozenset({"push", "tag", "pull_request", "ping", "other"}),
    # Pages have /projects/ and /repos/ between the parts of a repository's name, so no path below the address of its clone URL leads to them.
    # It signs as GitHub did at first. Argo's own source for it checks signatures only of hooks that it manages (argo-events 1.9.10).
    receiver=GITHUB,
    verification=Verification.SIGNATURE,
    webhook=WebhookForm(
        place="repository or project: Settings → Webhooks → Create webhook",
        fields=(("URL", URL), ("Secret", SECRET), ("Authentication", "None")),
        choices={
            "push": (Choice("Repository: Push", "repo:refs_changed"),),
            "tag": (Choice("Repository: Push", "repo:refs_changed"),),
            "pull_request": (
                Choice("Pull request: Opened", "pr:opened"),
                Choice("Pull request: Source branch updated", "pr:from_ref_updated"),
                Choice("Pull request: Modified", "pr:modified"),
            ),
        },
    ),
    delivery_header="X-Request-Id",
    ignores_case=True,
    several_refs=True,
)
