"""GitLab: commit statuses, as jobs of an external pipeline.

Source: gitlabhq app/services/ci/create_commit_status_service.rb. Statuses of a commit belong to a pipeline; the first answer names it, and
later ones are pinned to it. A change of state that its state machine does not know is answered with 400 and both states.
"""

import re

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
    "running": "running",
    "success": "success",
    # "Pipelines must succeed" takes skipped for red unless a project allows it.
    "skip": "success",
    "failure": "failed",
    "error": "failed",
    "timeout": "failed",
    "cancellation": "canceled",
}
_TRANSITION = re.compile(r"Cannot transition status via :\w+ from :(\w+)")
_FINAL = frozenset({"success", "failed", "canceled", "skipped"})


def _address(server: str) -> str:
    return f"{server}/api/v4"


def _request(api: str, token: str, status: Status, memory: str) -> Request:
    body: dict[str, object] = {
        "state": STATES[status.word],
        "name": cut(status.context, 255),
        "description": cut(status.description, 255),
    }
    if status.url:
        body["target_url"] = status.url
    if memory.isascii() and memory.isdigit():
        body["pipeline_id"] = int(memory)
    url = f"{api}/projects/{path(status.repository)}/statuses/{path(status.sha)}"
    return Request(url, _headers(token), body)


def _question(api: str, token: str, status: Status) -> Request:
    commit = f"{api}/projects/{path(status.repository)}/repository/commits/{path(status.sha)}"
    return Request(f"{commit}/statuses?order_by=id&sort=desc&name={path(status.context)}", _headers(token))


def _has(status: Status, statuses: object) -> Delivered | None:
    found = newest(statuses, status.context, "name")
    pipeline = found.get("pipeline_id")
    memory = str(pipeline) if isinstance(pipeline, int) else ""
    return Delivered(memory) if found.get("status") == STATES[status.word] else None


def _headers(token: str) -> dict[str, str]:
    return {"Accept": "application/json", "PRIVATE-TOKEN": token}


def _answer(status: Status, response: Response) -> Answer:
    said = message_of(response)
    if 200 <= response.status < 300:
        pipeline = response.body.get("pipeline_id") if isinstance(response.body, dict) else None
        return Delivered(str(pipeline) if isinstance(pipeline, int) else "")
    if response.status == 409:
        return Later(f"409 {said}", 1.0)
    if response.status == 400 and (found := _TRANSITION.search(said)):
        has = found[1]
        # It has this state already, or a later one of this run.
        if has == STATES[status.word] or not status.final:
            return Delivered()
        return Refused(f"it is {has} already") if has in _FINAL else Later(f"400 {said}")
    return usual_answer(response) or Refused(f"{response.status} {said}")


API = HostApi("gitlab", _address, _request, _answer, _question, _has, STATES, name_key="name")
