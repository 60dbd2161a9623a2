"""Gitea and Forgejo: commit statuses (gitea modules/commitstatus, routers/api/v1/repo/status.go)."""

from runs.reports.host_api import (
    PLAIN_STATES,
    Answer,
    Delivered,
    HostApi,
    Later,
    Refused,
    Request,
    Response,
    message_of,
    newest,
    path,
    plain_body,
    repository,
    usual_answer,
)
from runs.reports.status import Status

__all__ = ["API"]


def _request(api: str, token: str, status: Status, _: str) -> Request:
    url = f"{repository(api, status)}/statuses/{path(status.sha)}"
    return Request(url, _headers(token), plain_body(status, 255))


def _question(api: str, token: str, status: Status) -> Request:
    asked = "statuses?sort=recentupdate&limit=50"
    return Request(f"{repository(api, status)}/commits/{path(status.sha)}/{asked}", _headers(token))


def _has(status: Status, statuses: object) -> Delivered | None:
    found = newest(statuses, status.context, "context")
    return Delivered() if found.get("status") == PLAIN_STATES[status.word] else None


def _headers(token: str) -> dict[str, str]:
    return {"Accept": "application/json", "Authorization": f"token {token}"}


def _answer(_: Status, response: Response) -> Answer:
    said = message_of(response)
    # Forgejo says so of a user who exists, while it is busy.
    if response.status in {400, 422} and "user does not exist" in said.lower():
        return Later(f"{response.status} {said}")
    return usual_answer(response) or Refused(f"{response.status} {said}")


API = HostApi("gitea", lambda server: f"{server}/api/v1", _request, _answer, _question, _has, PLAIN_STATES)
