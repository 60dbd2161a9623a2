"""Check runs of GitHub, which only an App may make.

Source: GitHub's REST documentation, "Check runs". A check run that has completed cannot be opened again; another one of its name takes its
place. A second one that is made by mistake stays open for ever, so each carries the uid of its Workflow (external_id) and is looked up
before one is made. Annotations of an update are added to those that are there.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apiserver.raw_values import unix
from runs.reports.check_text import output
from runs.reports.host_api import Answer, Delivered, Later, Request, Response, cut, path, repository
from runs.reports.hosts import github
from runs.reports.latest import may_replace
from runs.reports.run_details import RunDetails
from runs.reports.status import Report, Status

__all__ = ["API", "PAGES", "Known", "answer", "change", "creation", "known", "listed", "look_up", "open_run"]

STATES: Mapping[str, str] = {
    "queued": "queued",
    "running": "in_progress",
    "success": "success",
    "skip": "skipped",
    # Its title says that it was not the code. neutral would let a request be merged that was never built.
    "error": "failure",
    "failure": "failure",
    "timeout": "timed_out",
    "cancellation": "cancelled",
}
"""Word → status of an open check run, or conclusion of a completed one."""
_CLOSED = "completed "
PAGE = 30
"""Check runs on a page. Each carries its whole summary, and an answer has a bounded size."""
PAGES = 30
"""Most pages that are asked for; a commit with more check runs of one name is left alone."""

API = replace(github.API, states=STATES, detailed=True)
"""GitHub for an App: its requests are those of this module."""


@dataclass(frozen=True, slots=True)
class Known:
    """The check runs of one commit and context, as far as they matter."""

    delivered: Delivered | None = None
    """Set where the host has this very status."""
    open: str = ""
    """Number of the check run to change; empty where there is none."""
    left: tuple[str, ...] = ()
    """Numbers of others that are open. Nobody else would end them, and a branch may wait for one."""


def open_run(memory: str) -> str:
    """Number of the open check run that a mark names; empty where it names none. Anybody may write marks."""
    return memory if memory.isascii() and memory.isdigit() and len(memory) <= 20 else ""


def look_up(api: str, token: str, report: Report, app: int, page: int) -> Request:
    """The question which check runs of its name a commit has; the first page is 1."""
    status = report.status
    asked = f"check_name={path(_name(status))}&app_id={app}&filter=all&per_page={PAGE}&page={page}"
    url = f"{repository(api, status)}/commits/{path(status.sha)}/check-runs?{asked}"
    return Request(url, github.headers(token))


def listed(body: Any) -> tuple[list[Any], int] | None:
    """The check runs of an answer to `look_up`, and how many all pages have; None if the answer holds no list."""
    found = body.get("check_runs") if isinstance(body, dict) else None
    if not isinstance(found, list):
        return None
    total = body.get("total_count")
    return found, total if isinstance(total, int) else 0


def known(report: Report, found: Sequence[Any], app: int) -> Known:
    """The meaning of what is listed.

    Args:
        report: What is to be told.
        found: The check runs of all pages.
        app: Check runs of others are not touched.
    """
    runs = [
        each
        for each in found
        if isinstance(each, dict)
        and isinstance(each.get("id"), int)
        and str(each.get("name", "")).lower() == _name(report.status).lower()
        and isinstance(each.get("app"), dict)
        and each["app"].get("id") == app
    ]
    runs.sort(key=lambda each: -int(each["id"]))
    if report.yields:
        return _known_of_no_run(report, runs)
    mine = next((each for each in runs if each.get("external_id") == report.uid), None)
    delivered = (
        Delivered(_memory(mine["id"], report.status)) if mine is not None and _says(mine, report) else None
    )
    # One that an earlier run of this commit left open would stay so: the later run counts, and takes it.
    unended = [each for each in runs if each.get("status") != "completed"]
    unended.sort(key=lambda each: each.get("external_id") != report.uid)
    numbers = [str(each["id"]) for each in unended]
    if delivered is not None:
        return Known(delivered, left=tuple(numbers) if report.status.final else ())
    return Known(None, numbers[0] if numbers else "", tuple(numbers[1:]))


def _known_of_no_run(report: Report, runs: Sequence[Mapping[str, Any]]) -> Known:
    """The same for a check run that no run gives: it takes the place of one like it, and of no other."""
    if not runs:
        return Known()
    output = runs[0].get("output")
    said = str(output.get("title") or "") if isinstance(output, dict) else ""
    if not may_replace(said, report):
        return Known(Delivered())
    return Known(open=str(runs[0]["id"]) if runs[0].get("status") != "completed" else "")


def _says(run: Mapping[str, Any], report: Report) -> bool:
    status, wanted = report.status, STATES[report.status.word]
    if not status.final:
        return run.get("status") == wanted
    if run.get("status") != "completed" or run.get("conclusion") != wanted:
        return False
    # A run that was retried ends a second time.
    ended = unix(run.get("completed_at"))
    return not report.finished or ended is None or abs(ended - report.finished) < 1


def creation(api: str, token: str, report: Report) -> Request:
    """Makes a check run."""
    body = {"head_sha": report.status.sha, **_body(report)}
    return Request(f"{repository(api, report.status)}/check-runs", github.headers(token), body)


def change(api: str, token: str, report: Report, run: str) -> Request:
    """Changes a check run, or ends one that was left."""
    url = f"{repository(api, report.status)}/check-runs/{path(run)}"
    return Request(url, github.headers(token), _body(report), "PATCH")


def answer(report: Report, response: Response) -> Answer:
    """Meaning of the answer to both."""
    if 200 <= response.status < 300:
        run = response.body.get("id") if isinstance(response.body, dict) else None
        return Delivered(_memory(run, report.status) if isinstance(run, int) else "")
    found = github.answer(report.status, response)
    if isinstance(found, Later) and not found.everything and response.status in {403, 404}:
        return Later(
            f"{response.status}: the App is not installed on {report.status.repository}, or lacks Checks: read and write"
        )
    return found


def _memory(run: int, status: Status) -> str:
    return f"{_CLOSED}{run}" if status.final else str(run)


def _name(status: Status) -> str:
    return cut(status.context, 255)


def _body(report: Report) -> dict[str, Any]:
    status, details = report.status, report.details or RunDetails(None)
    state = STATES[status.word]
    found: dict[str, Any] = {
        "name": _name(status),
        "external_id": report.uid,
        "output": output(status, details),
    }
    if status.final:
        found |= {"status": "completed", "conclusion": state}
        if report.finished:
            found["completed_at"] = _time(report.finished)
    else:
        found["status"] = state
    if details.started is not None and status.word != "queued":
        found["started_at"] = _time(details.started)
    if status.url:
        found["details_url"] = status.url
    return found


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
