"""Retired contexts: a status that a branch requires, of a pipeline that the declaration no longer has, is told as success on each open request.

Nobody else would ever report it, and the request could not be merged. Nothing is kept: each round asks the hosts which requests are open and what
their branches require, and compares with the declaration.
"""

import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from hookline.plan.planning import Plan
from runs.controller.duty import Hands
from runs.controller.settings import ReportedSource
from runs.reports.asking import Ask, asker
from runs.reports.host_api import Later, Request, Response
from runs.reports.required import (
    ASKED_HOSTS,
    PAGE,
    OpenRequest,
    open_requests,
    questions_of_branch,
    requests_question,
    required,
)
from runs.reports.sending import secret_of
from runs.reports.status import Report, Status

__all__ = ["FAMILIES", "Retiring", "retired"]

ROUND_SECONDS = 15 * 60.0
PAUSE_SECONDS = 2.0
"""Between two questions to hosts: at most 1,800 an hour, of GitHub's 5,000."""
PAGES: Final = 10
"""Most pages of open requests of a repository."""
_log = structlog.get_logger()

FAMILIES = {
    "hookline_controller_retired_contexts_total": "Statuses of pipelines that are no longer declared, which open requests needed.",
}
"""Name → help."""


def retired(pattern: str, source: str, contexts: Collection[str], pipelines: Collection[str]) -> list[str]:
    """The contexts that carry the pattern of names and name a pipeline that is not declared.

    Args:
        pattern: As `controller: context:` has it.
        source: The source whose host requires them.
        contexts: The required ones.
        pipelines: The declared ones.
    """
    parts = re.split(r"(\{\w+\})", pattern)
    named = False
    expression = ""
    for part in parts:
        if part == "{pipeline}":
            expression += "(?P=pipeline)" if named else "(?P<pipeline>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)"
            named = True
        elif part == "{event}":
            expression += "(?:pull_request|merge_group)"
        else:
            expression += re.escape(source if part == "{source}" else part)
    known = {each.lower() for each in pipelines}
    # Hosts compare names without case.
    found = ((each, re.fullmatch(expression, each, re.IGNORECASE)) for each in sorted(contexts))
    return [each for each, match in found if match is not None and match["pipeline"].lower() not in known]


class _Unanswered(Exception):
    """A host did not say what it was asked."""


class _NotThere(_Unanswered):
    """The same of one repository or branch: the others may be asked."""


class _Ended(Exception):
    """This instance no longer leads."""


class Retiring:
    """A companion of the controller."""

    name = "retired-contexts"

    def __init__(self, plan: Plan, asks: Callable[[Path | None], Ask] = asker) -> None:
        """Prepare; nothing is asked yet."""
        self._plan, self._asks = plan, asks
        self._told: set[tuple[str, str, str]] = set()
        self._troubles: dict[str, str] = {}
        """Source → why its host does not say what is asked."""
        self._count = 0

    def run(self, hands: Hands, ended: threading.Event) -> None:
        """Look in rounds until `ended`."""
        self._told.clear()
        while not ended.is_set():
            for source, repositories in self._repositories(hands).items():
                try:
                    missing = self._look(hands, source, repositories, ended)
                    self._say(source, missing)
                except _Ended:
                    return
                except Exception as error:  # noqa: BLE001 - whatever it is, the other sources go on
                    said = (
                        str(error)
                        if isinstance(error, _Unanswered | OSError)
                        else f"an error in hookline: {error!r}"
                    )
                    self._say(source, said)
            ended.wait(ROUND_SECONDS)

    def warnings(self) -> Sequence[str]:
        """Reasons for which hosts do not answer now."""
        return [
            f"retired contexts of source {source}: {why}"
            for source, why in dict(self._troubles).items()
            if why
        ]

    def metrics(self) -> Iterable[Metric]:
        """The metrics of FAMILIES."""
        (name,) = FAMILIES
        yield CounterMetricFamily(name, FAMILIES[name], value=self._count)

    def _say(self, source: str, trouble: str) -> None:
        """Keep a trouble, and log it once; empty for none."""
        if trouble and self._troubles.get(source) != trouble:
            _log.warning("retired contexts are not looked for", source=source, trouble=trouble)
        self._troubles[source] = trouble

    def _repositories(self, hands: Hands) -> Mapping[str, Sequence[str]]:
        """Source → the repositories of pipelines there, as their hosts spell them."""
        found: dict[str, set[str]] = {}
        for each in self._plan.declaration.pipelines.values():
            repository = each.pipeline.repository
            settings = hands.settings.sources.get(repository.source or "")
            if not (repository.source and repository.name):
                continue
            if settings is not None and settings.host in ASKED_HOSTS and settings.token_file:
                found.setdefault(repository.source, set()).add(repository.name)
        return {source: sorted(names) for source, names in sorted(found.items())}

    def _look(self, hands: Hands, source: str, repositories: Sequence[str], ended: threading.Event) -> str:
        """Look at each repository; the trouble with one of them, empty for none."""
        host = _Host(hands.settings.sources[source], self._asks, ended)
        trouble = ""
        for repository in repositories:
            try:
                self._look_at(hands, source, host, repository)
            except _NotThere as missing:
                trouble = trouble or str(missing)
        return trouble

    def _look_at(self, hands: Hands, source: str, host: "_Host", repository: str) -> None:
        pattern, pipelines = hands.settings.context, self._plan.declaration.pipelines.keys()
        by_branch: dict[str, list[str]] = {}
        for request in host.open(repository):
            if request.base not in by_branch:
                contexts = host.required(repository, request.base)
                by_branch[request.base] = retired(pattern, source, contexts, pipelines)
            for context in by_branch[request.base]:
                said = "skipped: no pipeline of this name is declared any more"
                status = Status(repository, request.sha, context, "skip", said)
                if status.key not in self._told:
                    self._told.add(status.key)
                    self._count += 1
                    hands.put(source, Report(status, "", "", "", 0.0, unsure=True, yields=True))


class _Host:
    """The host of one source, asked slowly."""

    def __init__(
        self, settings: ReportedSource, asks: Callable[[Path | None], Ask], ended: threading.Event
    ) -> None:
        self._settings, self._ended = settings, ended
        self._address = settings.api.rstrip("/")
        self._ask = asks(None if settings.ca_file is None else Path(settings.ca_file))

    def open(self, repository: str) -> Iterator[OpenRequest]:
        """The open requests of a repository."""
        for page in range(1, PAGES + 1):
            body = self._answer(
                lambda token, page=page: requests_question(  # type: ignore[misc]
                    self._settings.host, self._address, token, repository, page
                )
            )
            found = open_requests(body)
            if found is None:
                raise _Unanswered(f"{repository}: the host's list of requests cannot be read")
            yield from found
            if len(found) < PAGE:
                return

    def required(self, repository: str, branch: str) -> frozenset[str]:
        """The statuses that a branch requires."""
        host, address = self._settings.host, self._address
        count = len(questions_of_branch(host, address, "", repository, branch))
        return frozenset().union(
            *(
                required(
                    self._answer(
                        lambda token, number=number: questions_of_branch(  # type: ignore[misc]
                            host, address, token, repository, branch
                        )[number]
                    )
                )
                for number in range(count)
            )
        )

    def _answer(self, question: Callable[[str], Request]) -> object:
        """The body of the answer; waits before it asks.

        Raises:
            _Ended, _Unanswered, OSError
        """
        if self._ended.wait(PAUSE_SECONDS):
            raise _Ended
        secret = secret_of(Path(self._settings.token_file or ""))
        if isinstance(secret, Later):
            raise _Unanswered(secret.why)
        request = question(secret)
        response = self._ask(request)
        if response.status == 404 and "/rules/" in request.url:
            # GitHub Enterprise Server before 3.11 knows no rules.
            return None
        if response.status in {403, 404} and not _is_limited(response):
            raise _NotThere(
                f"{response.status} of GET {request.url.partition('?')[0]}: the token may not read this"
            )
        if response.status != 200:
            raise _Unanswered(f"{response.status} of GET {request.url.partition('?')[0]}")
        return response.body


def _is_limited(response: Response) -> bool:
    """Whether an answer says that the host was asked too often."""
    return response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers
