"""Requests that tell a git host of a status, and the meaning of its answers. No module here sends anything."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from runs.reports.status import Status

__all__ = [
    "PLAIN_STATES",
    "Answer",
    "Delivered",
    "HostApi",
    "Later",
    "Page",
    "Refused",
    "Request",
    "Response",
    "cut",
    "full_page",
    "message_of",
    "newest",
    "path",
    "plain_body",
    "repository",
    "server",
    "short",
    "usual_answer",
    "waits",
]


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a host: one that gives a commit a status, or, without a body, one that asks for the statuses it has."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    """They hold the token."""
    body: Mapping[str, Any] | None = None
    method: str = ""
    """Empty for POST with a body, and GET without."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of a host."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: Any
    """Decoded JSON; None where it is none."""
    now: float
    """Time at which it came, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The host has this status, or a later one."""

    memory: str = ""
    """Text that the next status of this run needs; few characters."""


@dataclass(frozen=True, slots=True)
class Later:
    """The host did not take it now."""

    why: str
    seconds: float | None = None
    """Time for which the host wants to be left alone; None where it does not say."""
    everything: bool = False
    """Whether that holds for every status."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The host will never take it."""

    why: str


Answer = Delivered | Later | Refused


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the statuses of a commit."""

    rows: Sequence[Any]
    more: bool
    """Whether there is another page."""


def linked_page(response: Response, seen: int) -> Page | None:
    """A page of a host that links the next one (GitHub, GitLab) or says how many rows all pages have (Gitea); None if it is no page.

    Args:
        response: The answer to a question.
        seen: Rows of the pages before.
    """
    rows = response.body
    if response.status != 200 or not isinstance(rows, list):
        return None
    total = response.headers.get("x-total-count", "")
    counted = total.isascii() and total.isdigit() and len(total) < 10 and int(total) > seen + len(rows)
    return Page(rows, bool(rows) and (counted or 'rel="next"' in response.headers.get("link", "")))


def full_page(rows: Any, size: int) -> Page | None:
    """A page of a host that does not say whether there are more: a full one may not be the last."""
    return Page(rows, len(rows) >= size) if isinstance(rows, list) else None


@dataclass(frozen=True, slots=True)
class HostApi:
    """One kind of git host."""

    name: str
    """As `host:` of a source names it."""
    address: Callable[[str], str]
    """Address of a clone URL's host, `https://git.example.com` → address of its API."""
    request: Callable[[str, str, Status, str], Request]
    """Address of the API, token, status, memory of the run → the request."""
    answer: Callable[[Status, Response], Answer]
    question: Callable[[str, str, Status], Request]
    """Address of the API, token, status → the request for the statuses of its commit."""
    has: Callable[[Status, Any], Delivered | None]
    """Whether these statuses say that the host has this one."""
    states: Mapping[str, str]
    """Word → the host's state. Two words of one state are told once."""
    name_key: str = "context"
    """Key of a status that holds its name, in the answer to a question."""
    context: Callable[[str], str] = str
    """A context as the host is told it, where it takes few characters."""
    page: Callable[[Response, int], Page | None] = linked_page
    """The page that an answer to a question holds, given the rows of the pages before; None if it holds none."""
    writes_a_minute: int = 0
    """Most requests in a minute; 0 for any number."""
    scarce_writes_an_hour: int = 0
    """From so many requests in the last hour on, final words alone are told; 0 for never."""
    limited: str = ""
    """Address of the API to which these limits belong."""
    detailed: bool = False
    """Whether it shows what the steps of a run did."""

    def at(self, address: str) -> "HostApi":
        """The same at this address."""
        if address == self.limited:
            return self
        return replace(self, writes_a_minute=0, scarce_writes_an_hour=0)


def newest(statuses: Any, context: str, name: str) -> Mapping[str, Any]:
    """The newest status of a context; empty if there is none.

    Args:
        statuses: Of a commit, newest first as far as whole seconds tell; the ids of a host grow.
        context: The context, in any case.
        name: Key of a status that holds its context.
    """
    found = [
        each
        for each in (statuses if isinstance(statuses, list | tuple) else ())
        if isinstance(each, dict) and str(each.get(name, "")).lower() == context.lower()
    ]
    return max(found, key=lambda each: each["id"] if isinstance(each.get("id"), int) else 0, default={})


PLAIN_STATES: Mapping[str, str] = {
    "queued": "pending",
    "running": "pending",
    "success": "success",
    # A required check that is skipped must not hold the request for ever; the state skipped is unknown to many servers.
    "skip": "success",
    "failure": "failure",
    "error": "error",
    "timeout": "error",
    "cancellation": "error",
}
"""Word → state, at hosts that have the states of GitHub."""


def plain_body(status: Status, longest: int) -> dict[str, Any]:
    """The body of a request at such hosts; texts are cut.

    Args:
        status: To tell.
        longest: Characters of a description that the host takes.
    """
    page = {"target_url": status.url} if status.url else {}
    return {
        "state": PLAIN_STATES[status.word],
        "context": cut(status.context, 255),
        "description": cut(status.description, longest),
        **page,
    }


def repository(api: str, status: Status) -> str:
    """Address of a status's repository at such hosts."""
    owner, _, name = status.repository.partition("/")
    return f"{api}/repos/{path(owner)}/{path(name)}"


def path(text: str) -> str:
    """One part of a path."""
    return quote(text, safe="")


def cut(text: str, most: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def short(text: str, most: int) -> str:
    """A name of at most so many characters, which no other long one has: its end is a hash of what was cut."""
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.lower().encode("utf-8", "replace")).hexdigest()[:8]
    return f"{text[: most - 9]}-{digest}"


def server(clone_url: str) -> str:
    """Scheme and host of a clone URL."""
    parts = urlsplit(clone_url)
    return f"{parts.scheme}://{parts.netloc}"


def usual_answer(response: Response) -> Answer | None:
    """Meaning of an answer at every host; None where the host's own words decide."""
    status = response.status
    if 200 <= status < 300:
        return Delivered()
    said = message_of(response)
    if status == 429:
        return Later(f"429 {said}", waits(response, 60.0), everything=True)
    if status >= 500 or status in {408, 425}:
        return Later(f"{status} {said}", waits(response))
    if status in {301, 302, 303, 307, 308}:
        return Later(f"{status}: the host sends elsewhere; report.api must be the address that it sends to")
    if status in {401, 403, 404}:
        # A token can be replaced, a right can be given. Hosts hide what a token may not see behind 404.
        return Later(f"{status} {said}: the token may not set statuses here, or has ended")
    return None


def waits(response: Response, usual: float | None = None) -> float | None:
    """Seconds of Retry-After; the usual ones where it is missing, or no number."""
    text = response.headers.get("retry-after", "")
    return min(float(text), 86_400.0) if text.isascii() and text.isdigit() and len(text) < 10 else usual


def message_of(response: Response) -> str:
    """The message in an answer, cut."""
    body = response.body
    found = body.get("message") or body.get("error") if isinstance(body, dict) else None
    return cut(" ".join(str(found or "").split()), 200)
