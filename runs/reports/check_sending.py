"""Sends statuses as check runs: changes the one that is open, and makes one only where a look shows none."""

from collections.abc import Callable

from runs.reports.asking import Ask
from runs.reports.github_app import InstallationTokens, NotNow
from runs.reports.host_api import Answer, Request, Response
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

    def authorised(repository: str, request: Callable[[str], Request]) -> Response:
        token = tokens.token(repository)
        response = ask(request(token))
        if response.status != 401:
            return response
        tokens.refused(token)
        return ask(request(tokens.token(repository)))

    def send(report: Report) -> Answer:
        repository = report.status.repository

        def changed(run: str) -> Response:
            return authorised(repository, lambda token: github_checks.change(address, token, report, run))

        try:
            # The last word is told after a look: whoever was stopped half way may have left a second one.
            sure = not (report.unsure or report.status.final)
            run = github_checks.open_run(report.memory) if sure else ""
            if run and (response := changed(run)).status not in _NOT_TO_CHANGE:
                return github_checks.answer(report, response)
            seen = authorised(repository, lambda token: github_checks.look_up(address, token, report, app))
            if seen.status != 200:
                # Without a look a second one might be made.
                return github_checks.answer(report, seen)
            known = github_checks.known(report, seen.body, app)
            for each in known.left if report.status.final else ():
                response = changed(each)
                if response.status >= 300 and response.status not in _NOT_TO_CHANGE:
                    return github_checks.answer(report, response)
            if known.delivered is not None:
                return known.delivered
            if known.open and (response := changed(known.open)).status not in _NOT_TO_CHANGE:
                return github_checks.answer(report, response)
            made = authorised(repository, lambda token: github_checks.creation(address, token, report))
            return github_checks.answer(report, made)
        except NotNow as refusal:
            return refusal.answer

    return send
