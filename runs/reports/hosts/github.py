"""GitHub and GitHub Enterprise Server: commit statuses.

Source: GitHub's REST documentation, "Commit statuses" and "Rate limits for the REST API": at most 1,000 statuses for a commit and context,
descriptions of 140 characters, and at github.com 80 requests a minute and 500 an hour that create content.
"""

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
    waits,
)
from runs.reports.status import Status

__all__ = ["API", "answer", "headers", "limits"]

PUBLIC = "https://api.github.com"


def _address(server: str) -> str:
    if server == "https://github.com":
        return PUBLIC
    if server.startswith("https://") and server.endswith(".ghe.com"):
        # Enterprise Cloud with data residency (GitHub's documentation, "Network details for GHE.com").
        return f"https://api.{server.removeprefix('https://')}"
    return f"{server}/api/v3"


def _request(api: str, token: str, status: Status, _: str) -> Request:
    url = f"{repository(api, status)}/statuses/{path(status.sha)}"
    return Request(url, headers(token), plain_body(status, 140))


def _question(api: str, token: str, status: Status) -> Request:
    asked = f"{repository(api, status)}/commits/{path(status.sha)}/statuses?per_page=100"
    return Request(asked, headers(token))


def _has(status: Status, statuses: object) -> Delivered | None:
    found = newest(statuses, status.context, "context")
    return Delivered() if found.get("state") == PLAIN_STATES[status.word] else None


def headers(token: str) -> dict[str, str]:
    """Headers of every request."""
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def answer(_: Status, response: Response) -> Answer:
    """Meaning of an answer to a request that writes."""
    if (limited := limits(response)) is not None:
        return limited
    said = message_of(response)
    if response.status == 422:
        return Refused(f"422 {said}")
    return usual_answer(response) or Refused(f"{response.status} {said}")


def limits(response: Response) -> Later | None:
    """The limit that an answer says was reached; None if it says nothing of one."""
    said = message_of(response)
    if response.status in {403, 429}:
        if response.headers.get("x-ratelimit-remaining") == "0":
            reset = response.headers.get("x-ratelimit-reset", "")
            seconds = float(reset) - response.now if reset.isascii() and reset.isdigit() else 60.0
            return Later("the hour's requests are used up", min(max(seconds, 1.0), 3600.0), everything=True)
        if response.status == 429 or waits(response) is not None or "rate limit" in said.lower():
            # Without a time the documentation asks for at least a minute.
            return Later(f"too many requests: {said}", waits(response, 60.0), everything=True)
    return None


API = HostApi(
    "github",
    _address,
    _request,
    answer,
    _question,
    _has,
    PLAIN_STATES,
    writes_a_minute=80,
    scarce_writes_an_hour=400,
    limited=PUBLIC,
)
