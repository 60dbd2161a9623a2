"""Gitea and Forgejo: commit statuses (gitea modules/commitstatus, routers/api/v1/repo/status.go)."""

from runs.reports.host_api import (
    Answer,
    Delivered,
    HostApi,
    Later,
    Refused,
    Request,
    Response,
    cut,
    message_of,
    newest,
    path,
    usual_answer,
)
from runs.reports.status import Status

__all__ = ["API"]

STATES = {
    "queued": "pending",
    "running": "pending",
    "success": "success",
    # The state skipped is unknown to older servers, and a required context that is skipped must not hold a request.
    "skip": "success",
    "failure": "failure",
    "error": "error",
    "timeout": "error",
    "cancellation": "error",
}


def _address(server: str) -> str:
    return f"{server}/api/v1"


def _request(api: str, token: str, status: Status, _: str) -> Request:
    body = {
        "state": STATES[status.word],
        "context": cut(status.context, 255),
        "description": cut(status.description, 255),
    }
    if status.url:
        body["target_url"] = status.url
    return Request(f"{_repository(api, status)}/statuses/{path(status.sha)}", _headers(token), body)


def _question(api: str, token: str, status: Status) -> Request:
    asked = "statuses?sort=recentupdate&limit=50"
    return Request(f"{_repository(api, status)}/commits/{path(status.sha)}/{asked}", _headers(token))


def _has(status: Status, statuses: object) -> Delivered | None:
    found = newest(statuses, status.context, "context")
    return Delivered() if found.get("status") == STATES[status.word] else None


def _repository(api: str, status: Status) -> str:
    owner, _, name = status.repository.partition("/")
    return f"{api}/repos/{path(owner)}/{path(name)}"


def _headers(token: str) -> dict[str, str]:
    return {"Accept": "application/json", "Authorization": f"token {token}"}


def _answer(_: Status, response: Response) -> Answer:
    said = message_of(response)
    # Forgejo says so of a user who exists, while it is busy.
    if response.status in {400, 422} and "user does not exist" in said.lower():
        return Later(f"{response.status} {said}")
    return usual_answer(response) or Refused(f"{response.status} {said}")


API = HostApi("gitea", _address, _request, _answer, _question, _has, STATES)
