"""Comments on requests, as hosts deliver them. Pure.

Sources of the fields: GitHub's webhook documentation, "issue_comment"; gitea modules/structs/hook.go, IssueCommentPayload, and
services/webhook/deliver.go; gitlab doc/user/project/integrations/webhook_events.md, "Comment on a merge request".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from events.delivery import BusEvent

__all__ = ["Comment", "comment"]

Unheard = Literal["edited", "closed", "bot", "unclear"]
"""Reason for which nobody listens to a comment: it was not just written, its request is not open, no person wrote it, or the delivery does not say."""

_EVENTS = {"github": ("X-Github-Event",), "gitea": ("X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event")}
_NAMES = frozenset({"issue_comment", "pull_request_comment"})
_GITLAB_BOT = re.compile(
    r"(?:project|group)_[0-9]+_bot(?:_?[0-9a-f]+)?[0-9]*|service_account_.*|ghost|support-bot|alert-bot"
)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a request."""

    id: int
    """The host's number of it."""
    repository: str
    """As the host spells it."""
    request: int
    author: str
    """Login name."""
    author_id: int
    text: str
    unheard: Unheard | None = None


def comment(host: str, delivery: BusEvent) -> Comment | None:
    """The comment in a delivery; None if it is none on a request.

    Args:
        host: Kind of the host: github, gitlab or gitea.
        delivery: As it stands on the bus.
    """
    data = _Data(delivery.data)
    body = data.at("body")
    if host == "gitlab":
        return _gitlab(body) if body.text("object_kind") == "note" else None
    headers = data.at("headers")
    for name in _EVENTS.get(host, ()):
        values = headers.value(name)
        if isinstance(values, list) and values:
            return _like_github(body) if values[0] in _NAMES else None
    return None


def _like_github(body: "_Data") -> Comment | None:
    issue, said = body.at("issue"), body.at("comment")
    if not isinstance(issue.value("pull_request"), dict) and body.value("is_pull") is not True:
        return None
    author = said.at("user")
    login, sender = author.text("login"), body.at("sender")
    unheard: Unheard | None = None
    if body.text("action") != "created":
        unheard = "edited"
    elif issue.text("state") != "open":
        unheard = "closed"
    elif (
        author.text("type") not in ("", "User", "Mannequin")
        or login.endswith("[bot]")
        or author.number("id") <= 0
    ):
        unheard = "bot"
    elif sender.text("login") != login:
        unheard = "unclear"
    return _made(
        said.number("id"),
        body.at("repository").text("full_name"),
        issue.number("number"),
        author,
        login,
        said.text("body"),
        unheard,
    )


def _gitlab(body: "_Data") -> Comment | None:
    said, request, author = body.at("object_attributes"), body.at("merge_request"), body.at("user")
    if said.text("noteable_type") != "MergeRequest":
        return None
    login = author.text("username")
    unheard: Unheard | None = None
    # Before GitLab 16.11 nothing tells a new comment from an edited one.
    if said.text("action") != "create":
        unheard = "edited"
    elif request.text("state") != "opened":
        unheard = "closed"
    elif said.value("system") is True or _GITLAB_BOT.fullmatch(login):
        unheard = "bot"
    elif said.number("author_id") != author.number("id"):
        unheard = "unclear"
    repository = body.at("project").text("path_with_namespace")
    return _made(
        said.number("id"), repository, request.number("iid"), author, login, said.text("note"), unheard
    )


def _made(
    number: int,
    repository: str,
    request: int,
    author: "_Data",
    login: str,
    text: str,
    unheard: Unheard | None,
) -> Comment:
    if unheard is None and (
        number <= 0 or request <= 0 or author.number("id") <= 0 or not repository or not login
    ):
        unheard = "unclear"
    return Comment(number, repository, request, login, author.number("id"), text, unheard)


class _Data:
    """JSON of which nothing is certain."""

    def __init__(self, data: Any) -> None:
        self._data = data if isinstance(data, Mapping) else {}

    def value(self, name: str) -> Any:
        return self._data.get(name)

    def at(self, name: str) -> "_Data":
        return _Data(self.value(name))

    def text(self, name: str) -> str:
        found = self.value(name)
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int:
        """A whole number; 0 if it is none."""
        found = self.value(name)
        return found if isinstance(found, int) and not isinstance(found, bool) else 0
