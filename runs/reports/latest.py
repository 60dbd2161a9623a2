"""The newest status that a host has of a commit and context, looked for on every page of its answer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from runs.reports.host_api import Answer, Delivered, HostApi, Later, Refused, Request, Response, cut, newest
from runs.reports.status import NOT_STARTED, Report, Status

__all__ = ["latest", "may_replace", "no_more_to_tell"]

PAGES = 30
"""Most pages that are asked for; a commit with more statuses is left alone."""


def no_more_to_tell(
    api: HostApi, report: Report, question: Request, ask: Callable[[Request], Response]
) -> Answer | None:
    """The answer for a status that yields; None if the host is to be told.

    Args:
        api: The kind of the host.
        report: The status.
        question: The request for the statuses of its commit.
        ask: Makes a request; raises OSError where nobody answers.
    """
    has = latest(api, report.status, question, ask)
    if not isinstance(has, Mapping):
        return has
    return Delivered() if has and not may_replace(str(has.get("description") or ""), report) else None


def may_replace(said: str, report: Report) -> bool:
    """Whether a status that yields may stand in place of the one with this description."""
    # A host may have cut it, at 140 characters or more.
    return said.startswith(NOT_STARTED) and cut(said, 100) != cut(report.status.description, 100)


def latest(
    api: HostApi, status: Status, question: Request, ask: Callable[[Request], Response]
) -> Mapping[str, Any] | Answer:
    """The newest status of a commit and context.

    Args:
        api: The kind of the host.
        status: Commit and context.
        question: The request for the statuses of the commit.
        ask: Makes a request; raises OSError where nobody answers.

    Returns:
        The status as the host wrote it, empty if there is none; or the meaning of an answer that does not say it.
    """
    seen = 0
    for page in range(1, PAGES + 1):
        # The host's own link to the next page may have an address that is not reached from here.
        url = question.url if page == 1 else f"{question.url}&page={page}"
        response = ask(replace(question, url=url))
        found_page = api.page(response, seen)
        if found_page is None:
            unread = Later("the host's list of statuses cannot be read")
            return unread if response.status == 200 else api.answer(status, response)
        if found := newest(found_page.rows, api.context(status.context), api.name_key):
            return found
        seen += len(found_page.rows)
        if not found_page.more:
            return {}
    return Refused(f"the commit has more than {seen} statuses, so that nobody knows whether it has this one")
