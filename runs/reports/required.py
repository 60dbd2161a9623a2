"""Open requests of a repository, and the statuses that a branch requires of them: questions to GitHub and Gitea, and what the answers say.

Source: GitHub's REST documentation, "List pull requests", "Get a branch" (protection.required_status_checks) and "Get rules for a branch"; gitea
modules/structs/repo_branch.go (status_check_contexts, which may be globs) and routers/api/v1/repo/pull.go. GitLab requires no single status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from runs.reports.host_api import Request, path

__all__ = [
    "ASKED_HOSTS",
    "PAGE",
    "OpenRequest",
    "open_requests",
    "questions_of_branch",
    "requests_question",
    "required",
]

ASKED_HOSTS: Final = frozenset({"github", "gitea"})
"""Hosts that can be asked."""
PAGE: Final = 50
"""Requests on a page."""
_GLOB: Final = frozenset("*?[]{}\\")


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """An open request."""

    sha: str
    """Its head commit."""
    base: str
    """The branch that it goes into."""


def requests_question(host: str, api: str, token: str, repository: str, page: int) -> Request:
    """The question for a page of the open requests of a repository; the first page is 1."""
    size = "limit" if host == "gitea" else "per_page"
    return _question(host, token, f"{_of(api, repository)}/pulls?state=open&{size}={PAGE}&page={page}")


def open_requests(body: Any) -> Sequence[OpenRequest] | None:
    """The requests on a page; None if the answer is no list."""
    if not isinstance(body, list):
        return None
    found = (OpenRequest(_text(each, "head", "sha"), _text(each, "base", "ref")) for each in body)
    return [each for each in found if each.sha and each.base]


def questions_of_branch(host: str, api: str, token: str, repository: str, branch: str) -> Sequence[Request]:
    """The questions which statuses a branch requires."""
    where = _of(api, repository)
    asked = [f"{where}/branches/{path(branch)}"]
    if host == "github":
        asked.append(f"{where}/rules/branches/{path(branch)}?per_page=100")
    return [_question(host, token, each) for each in asked]


def required(body: Any) -> frozenset[str]:
    """The names in an answer to one of these questions. Patterns are left out: no single status is required by them."""
    names: list[Any] = []
    if isinstance(body, list):
        for rule in body:
            if _get(rule, "type") == "required_status_checks":
                checks = _get(rule, "parameters", "required_status_checks")
                names += [_get(each, "context") for each in _list(checks)]
    elif _get(body, "enable_status_check") is True:
        names += [each for each in _list(_get(body, "status_check_contexts")) if _GLOB.isdisjoint(str(each))]
    else:
        checks = _get(body, "protection", "required_status_checks")
        names += _list(_get(checks, "contexts"))
        names += [_get(each, "context") for each in _list(_get(checks, "checks"))]
    return frozenset(each for each in names if isinstance(each, str) and each)


def _of(api: str, repository: str) -> str:
    owner, _, name = repository.partition("/")
    return f"{api}/repos/{path(owner)}/{path(name)}"


def _question(host: str, token: str, url: str) -> Request:
    word = "token" if host == "gitea" else "Bearer"
    return Request(url, {"Accept": "application/json", "Authorization": f"{word} {token}"})


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: Any, *keys: str) -> str:
    found = _get(value, *keys)
    return found if isinstance(found, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
