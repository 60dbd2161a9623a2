"""Sends statuses as check runs: changes the one that is open, and makes one only where a look shows none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runs.reports.asking import Ask
from runs.reports.github_app import InstallationTokens, NotNow
from runs.reports.host_api import Answer, Later, Refused, Request, Response
from runs.reports.hosts import github_checks
from runs.reports.outgoing import Send
from runs.reports.status import Report

__all__ = ["check_sender"]

_NOT_TO_CHANGE = frozenset({404, 422})
"""Answers to a change of a check run that is gone, or completed."""


def check_sender(address: str, app: int, tokens: InstallationTokens, ask: Ask) -> Send:
    """Sends check runs to one host.

    Args:
        address: Of its API.
        app: Number of the App.
        tokens: Of the App.
        ask: Asks the host.
    """
    return _Sender(address, app, tokens, ask).send


@dataclass(frozen=True, slots=True)
class _Sender:
    address: str
    app: int
    tokens: InstallationTokens
    ask: Ask

    def send(self, report: Report) -> Answer:
        try:
            return self._sent(report)
        except NotNow as refusal:
            return refusal.answer

    def _sent(self, report: Report) -> Answer:
        # The last word is told after a look: whoever was stopped half way may have left a second one.
        sure = not (report.unsure or report.status.final)
        run = github_checks.open_run(report.memory) if sure else ""
        if run and (response := self._changed(report, run)).status not in _NOT_TO_CHANGE:
            return github_checks.answer(report, response)
        seen = self._look(report)
        if not isinstance(seen, list):
            # Without a look a second one might be made.
            return seen
        known = github_checks.known(report, seen, self.app)
        for each in known.left if report.status.final else ():
            response = self._changed(report, each)
            if response.status >= 300 and response.status not in _NOT_TO_CHANGE:
                return github_checks.answer(report, response)
        if known.delivered is not None:
            return known.delivered
        if known.open and (response := self._changed(report, known.open)).status not in _NOT_TO_CHANGE:
            return github_checks.answer(report, response)
        made = self._authorised(report, lambda token: github_checks.creation(self.address, token, report))
        return github_checks.answer(report, made)

    def _look(self, report: Report) -> list[Any] | Answer:
        """The check runs of this name that the commit has, of all pages; or the meaning of an answer that does not say it."""
        found: list[Any] = []
        for page in range(1, github_checks.PAGES + 1):

            def question(token: str, page: int = page) -> Request:
                return github_checks.look_up(self.address, token, report, self.app, page)

            response = self._authorised(report, question)
            if response.status != 200:
                return github_checks.answer(report, response)
            listed = github_checks.listed(response.body)
            if listed is None:
                return Later("the host's list of check runs cannot be read")
            rows, total = listed
            found += rows
            if not rows or len(found) >= total:
                return found
        return Refused(
            f"the commit has more than {len(found)} check runs of this name, so that nobody knows whether it has this one"
        )

    def _changed(self, report: Report, run: str) -> Response:
        return self._authorised(report, lambda token: github_checks.change(self.address, token, report, run))

    def _authorised(self, report: Report, request: Callable[[str], Request]) -> Response:
        repository = report.status.repository
        token = self.tokens.token(repository)
        response = self.ask(request(token))
        if response.status != 401:
            return response
        self.tokens.refused(token)
        return self.ask(request(self.tokens.token(repository)))
