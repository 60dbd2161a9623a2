"""Bitbucket Data Center: build statuses.

Source: developer.atlassian.com, Bitbucket Data Center, "Updating build status for commits" and its REST API, "Builds": key, state and url are required; a second
status of a key takes the place of the first; the question for a key is answered with one status, or with 404.
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
from runs.reports.hosts import bitbucket
from runs.reports.status import Status

__all__ = ["API"]

STATES: Final = bitbucket.STATES | {"cancellation": "CANCELLED"}
_API = "/rest/api/latest"


def _address(server: str) -> str:
    return f"{server}{_API}"


def _key(context: str) -> str:
    return short(context, 255)


def _commit(api: str, status: Status) -> str:
    project, _, slug = status.repository.partition("/")
    return f"{api}/projects/{path(project)}/repos/{path(slug)}/commits/{path(status.sha)}"


def _request(api: str, token: str, status: Status, _: str) -> Request:
    page = _commit(api.removesuffix(_API), status)
    body = bitbucket.build(status, _key(status.context), STATES[status.word], page)
    return Request(f"{_commit(api, status)}/builds", bitbucket.headers(token), body)


def _question(api: str, token: str, status: Status) -> Request:
    return Request(
        f"{_commit(api, status)}/builds?key={path(_key(status.context))}", bitbucket.headers(token)
    )


def _page(response: Response, _: int) -> Page | None:
    if response.status == 404:
        return Page((), more=False)
    return Page((response.body,), more=False) if response.status == 200 else None


def _has(status: Status, statuses: object) -> Delivered | None:
    found = newest(statuses, _key(status.context), "key")
    return Delivered() if found.get("state") == STATES[status.word] else None


def _answer(_: Status, response: Response) -> Answer:
    body = response.body
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    said = str(first["message"]) if isinstance(first, dict) and "message" in first else message_of(response)
    return usual_answer(response) or Refused(f"{response.status} {cut(said, 200)}")


API = HostApi(
    "bitbucketserver",
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
