"""Codeup of Alibaba Cloud DevOps: commit statuses.

Source: help.aliyun.com, Yunxiao, "CreateCommitStatus" and "ListCommitStatuses" (oapi/v1): a context of 50 characters, compared without case, a
description of 3,000, four states, and 1,000 statuses for a commit and context. The central edition, at one address for everybody, has the
organization in the path; it is the first part of a repository's name. A Region edition has an address of its own and no organization.
"""

from runs.reports.host_api import (
    PLAIN_STATES,
    Answer,
    Delivered,
    HostApi,
    Page,
    Refused,
    Request,
    Response,
    cut,
    full_page,
    newest,
    path,
    short,
    usual_answer,
)
from runs.reports.status import Status

__all__ = ["API"]

_CENTRAL = "https://openapi-rdc.aliyuncs.com/oapi/v1/codeup/organizations"
_PAGE = 100
"""The most that it gives."""


def _address(server: str) -> str:
    return _CENTRAL if server == "https://codeup.aliyun.com" else f"{server}/oapi/v1/codeup"


def _context(context: str) -> str:
    return short(context, 50)


def _statuses(api: str, status: Status) -> str:
    organization = f"/{path(status.repository.partition('/')[0])}" if api.endswith("/organizations") else ""
    return f"{api}{organization}/repositories/{path(status.repository)}/commits/{path(status.sha)}/statuses"


def _request(api: str, token: str, status: Status, _: str) -> Request:
    page = {"targetUrl": status.url} if status.url else {}
    body = {
        "context": _context(status.context),
        "state": PLAIN_STATES[status.word],
        "description": cut(status.description, 255),
        **page,
    }
    return Request(_statuses(api, status), _headers(token), body)


def _question(api: str, token: str, status: Status) -> Request:
    return Request(f"{_statuses(api, status)}?perPage={_PAGE}", _headers(token))


def _page(response: Response, _: int) -> Page | None:
    return full_page(response.body, _PAGE) if response.status == 200 else None


def _has(status: Status, statuses: object) -> Delivered | None:
    found = newest(statuses, _context(status.context), "context")
    return Delivered() if found.get("state") == PLAIN_STATES[status.word] else None


def _headers(token: str) -> dict[str, str]:
    return {"Accept": "application/json", "x-yunxiao-token": token}


def _answer(_: Status, response: Response) -> Answer:
    body = response.body
    said = cut(
        str(body.get("errorMessage") or body.get("message") or "") if isinstance(body, dict) else "", 200
    )
    return usual_answer(response) or Refused(f"{response.status} {said}")


API = HostApi(
    "codeup", _address, _request, _answer, _question, _has, PLAIN_STATES, context=_context, page=_page
)
