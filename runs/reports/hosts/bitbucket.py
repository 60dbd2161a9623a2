"""Bitbucket Cloud: build statuses.

Source: developer.atlassian.com, Bitbucket Cloud REST API, "Commit statuses": a key of 40 characters, which tells statuses of a commit apart; a second one of
a key takes its place; `url` is required; pages hold `values`, and `next` if there are more.
"""

from typing import Final

from runs.reports.host_api import (
    Answer,
    Delivered,
    HostApi,
    Page,
    Refused,
    Request,
    Response,
    cut,
    message_of,
    newest,
    path,
    short,
    usual_answer,
)
from runs.reports.status import Status

__all__ = ["API", "STATES", "build", "headers"]

STATES: Final = {
    "queued": "INPROGRESS",
    "running": "INPROGRESS",
    "success": "SUCCESSFUL",
    # A merge check that wants green builds must not wait for ever.
    "skip": "SUCCESSFUL",
    "failure": "FAILED",
    "error": "FAILED",
    "timeout": "FAILED",
    "cancellation": "STOPPED",
}
"""Word → state."""


def _address(server: str) -> str:
    return "https://api.bitbucket.org/2.0" if server == "https://bitbucket.org" else f"{server}/2.0"


def _key(context: str) -> str:
    return short(context, 40)


def _statuses(api: str, status: Status) -> str:
    workspace, _, name = status.repository.partition("/")
    return f"{api}/repositories/{path(workspace)}/{path(name)}/commit/{path(status.sha)}/statuses"


def _request(api: str, token: str, status: Status, _: str) -> Request:
    page = f"https://bitbucket.org/{status.repository}/commits/{status.sha}"
    body = build(status, _key(status.context), STATES[status.word], page)
    return Request(f"{_statuses(api, status)}/build", headers(token), body)


def build(status: Status, key: str, state: str, page: str) -> dict[str, str]:
    """The body of a build status.

    Args:
        status: To be set.
        key: Tells statuses of a commit apart.
        state: Its word at the host.
        page: Address for a status that has none, which both products demand.
    """
    return {
        "key": key,
        "name": cut(status.context, 255),
        "state": state,
        "description": cut(status.description, 255),
        "url": status.url or page,
    }


def _question(api: str, token: str, status: Status) -> Request:
    return Request(f"{_statuses(api, status)}?pagelen=100", headers(token))


def _page(response: Response, _: int) -> Page | None:
    body = response.body
    if response.status != 200 or not isinstance(body, dict) or not isinstance(body.get("values"), list):
        return None
    return Page(body["values"], bool(body["values"]) and "next" in body)


def _has(status: Status, statuses: object) -> Delivered | None:
    found = newest(statuses, _key(status.context), "key")
    return Delivered() if found.get("state") == STATES[status.word] else None


def headers(token: str) -> dict[str, str]:
    """Headers of a request."""
    return {"Accept": "application/json", "Authorization": f"Bearer {token}"}


def _answer(_: Status, response: Response) -> Answer:
    body = response.body
    error = body.get("error") if isinstance(body, dict) else None
    said = str(error["message"]) if isinstance(error, dict) and "message" in error else message_of(response)
    return usual_answer(response) or Refused(f"{response.status} {cut(said, 200)}")


API = HostApi(
    "bitbucket",
    _address,
    _request,
    _answer,
    _question,
    _has,
    STATES,
    name_key="key",
    context=_key,
    page=_page,
)
