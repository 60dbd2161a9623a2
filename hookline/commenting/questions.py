"""Questions to a host before a command counts: who may write, and what the request is now. Pure: requests, and the meaning of answers.

Sources: GitHub's REST documentation, "Get repository permissions for a user" (permission is admin, write, read or none; maintain counts as
write, triage as read) and "Get a pull request"; gitea routers/api/v1/repo/collaborators.go, GetRepoPermissions (the token's user must
administer the repository); gitlab doc/api/members.md, "Get a member of a group or project, including inherited and invited members".
The author_association of a payload is not used: it is wrong for members whose membership is private.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hookline.commenting.comment import Comment
from runs.reports.host_api import path

__all__ = [
    "Head",
    "event_body",
    "event_headers",
    "head",
    "headers",
    "may_write",
    "own_name",
    "person_url",
    "request_url",
    "self_url",
]

_WRITERS = frozenset({"write", "maintain", "admin", "owner"})
_DEVELOPER = 30


@dataclass(frozen=True, slots=True)
class Head:
    """A request as its host has it now."""

    sha: str
    """Commit at its head."""
    open: bool


def headers(host: str, token: str) -> dict[str, str]:
    """Headers of a request; they hold the token."""
    if host == "gitlab":
        return {"Accept": "application/json", "PRIVATE-TOKEN": token}
    if host == "gitea":
        return {"Accept": "application/json", "Authorization": f"token {token}"}
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def self_url(api: str) -> str:
    """Address that says whose the token is."""
    return f"{api}/user"


def own_name(body: Any) -> str:
    """The name of the token's owner; empty where the answer has none."""
    found = body.get("login") or body.get("username") if isinstance(body, Mapping) else None
    return found if isinstance(found, str) else ""


def person_url(host: str, api: str, repository: str, said: Comment) -> str:
    """Address of what the author of a comment may do in a repository."""
    if host == "gitlab":
        return f"{_place(host, api, repository)}/members/all/{said.author_id}"
    return f"{_place(host, api, repository)}/collaborators/{path(said.author)}/permission"


def request_url(host: str, api: str, repository: str, number: int) -> str:
    """Address of a request."""
    return f"{_place(host, api, repository)}/{'merge_requests' if host == 'gitlab' else 'pulls'}/{number}"


def _place(host: str, api: str, repository: str) -> str:
    if host == "gitlab":
        return f"{api}/projects/{path(repository)}"
    owner, _, name = repository.partition("/")
    return f"{api}/repos/{path(owner)}/{path(name)}"


def may_write(host: str, said: Comment, body: Any) -> bool:
    """Whether an answer says that the author of a comment may write; anything unclear is a no."""
    if not isinstance(body, Mapping):
        return False
    if host == "gitlab":
        level = body.get("access_level")
        known = body.get("id") == said.author_id and body.get("state") == "active"
        return known and isinstance(level, int) and not isinstance(level, bool) and level >= _DEVELOPER
    user = body.get("user")
    # A name may have gone to somebody else between the comment and the answer.
    return (
        isinstance(user, Mapping) and user.get("id") == said.author_id and body.get("permission") in _WRITERS
    )


def head(host: str, number: int, body: Any) -> Head | None:
    """The request of an answer; None if it is another one, or none."""
    if not isinstance(body, Mapping) or body.get("iid" if host == "gitlab" else "number") != number:
        return None
    if host == "gitlab":
        sha, is_open = body.get("sha"), body.get("state") == "opened"
    else:
        found = body.get("head")
        sha, is_open = found.get("sha") if isinstance(found, Mapping) else None, body.get("state") == "open"
    return Head(sha, is_open) if isinstance(sha, str) and sha else None


def event_headers(host: str) -> dict[str, list[str]]:
    """Headers of the delivery of a request."""
    return {"github": {"X-Github-Event": ["pull_request"]}, "gitea": {"X-Gitea-Event": ["pull_request"]}}.get(
        host, {}
    )


def event_body(
    host: str, repository: str, body: Mapping[str, Any], approval: tuple[str, str] | None = None
) -> dict[str, Any]:
    """The delivery that the host would send of a request if it had just been opened, or labeled, from the answer that it gave.

    Args:
        host: Kind of the host.
        repository: Whose request it is.
        body: The answer.
        approval: Label that approves, and who approves; None = the request was opened by its author.
    """
    if host == "gitlab":
        return _gitlab_body(repository, body, approval)
    author = body.get("user")
    sender = {"login": approval[1]} if approval else author
    label = {"action": "labeled", "label": {"name": approval[0]}} if approval else {"action": "opened"}
    return {
        **label,
        "number": body.get("number"),
        "pull_request": dict(body),
        "repository": {"full_name": repository},
        "sender": sender,
    }


def _gitlab_body(
    repository: str, body: Mapping[str, Any], approval: tuple[str, str] | None
) -> dict[str, Any]:
    source, target = body.get("source_project_id"), body.get("target_project_id")
    author = body.get("author")
    attributes = {
        "iid": body.get("iid"),
        "action": "update" if approval else "open",
        "source_branch": body.get("source_branch"),
        "target_branch": body.get("target_branch"),
        "source_project_id": source,
        "target_project_id": target,
        # The API names projects by numbers alone; where they differ the program says fork, whatever the paths are.
        "source": {"path_with_namespace": repository} if source == target else None,
        "target": {"path_with_namespace": repository},
        "draft": body.get("draft") is True or body.get("work_in_progress") is True,
        "last_commit": {"id": body.get("sha")},
    }
    changes = {"labels": {"previous": [], "current": [{"title": approval[0]}]}} if approval else {}
    return {
        "object_kind": "merge_request",
        "project": {"path_with_namespace": repository},
        "user": {"username": approval[1]} if approval else author,
        "changes": changes,
        "object_attributes": attributes,
    }
