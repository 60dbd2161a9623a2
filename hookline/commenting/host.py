"""One host that is asked about comments. Of this package, this module alone sends requests to hosts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookline.commenting.comment import Comment
from hookline.commenting.questions import headers, may_write, own_name, person_url, request_url, self_url
from runs.controller.settings import ReportedSource
from runs.reports.asking import asker
from runs.reports.host_api import Later, Request, Response
from runs.reports.sending import secret_of

__all__ = ["AskedHost", "NotAnswered"]


class NotAnswered(Exception):
    """The host does not say it now; the message is for the log and holds no token."""


class AskedHost:
    """The host of one source, asked with the token of its reports."""

    def __init__(self, source: ReportedSource) -> None:
        """Prepare; nothing is asked yet."""
        self.kind = source.host
        self._api = source.api.rstrip("/")
        self._token = Path(source.token_file or "")
        self._own = ""
        self._ask = asker(None if source.ca_file is None else Path(source.ca_file), connections=1)

    def own(self) -> str:
        """The name of the token's owner; empty where the host names none, as for a token of a GitHub App.

        Raises:
            NotAnswered: It does not say it now.
        """
        if not self._own:
            answer = self._answered(self_url(self._api), absent=frozenset({403, 404}))
            self._own = own_name(answer.body) if answer.status == 200 else ""
        return self._own

    def may_write(self, repository: str, said: Comment) -> bool:
        """Whether the author of a comment may write to a repository now.

        Raises:
            NotAnswered: The host does not say it now, or not to this token.
        """
        answer = self._answered(person_url(self.kind, self._api, repository, said), absent=frozenset({404}))
        return answer.status == 200 and may_write(self.kind, said, answer.body)

    def request(self, repository: str, number: int) -> Mapping[str, Any] | None:
        """A request; None if there is none.

        Raises:
            NotAnswered: The host does not say it now, or not to this token.
        """
        answer = self._answered(
            request_url(self.kind, self._api, repository, number), absent=frozenset({404})
        )
        return answer.body if answer.status == 200 and isinstance(answer.body, dict) else None

    def _answered(self, url: str, absent: frozenset[int]) -> Response:
        # Read each time: a Secret may be changed.
        token = secret_of(self._token)
        if isinstance(token, Later):
            raise NotAnswered(token.why)
        try:
            answer = self._ask(Request(url, headers(self.kind, token)))
        except OSError as error:
            raise NotAnswered(f"nobody answers: {error}") from error
        if answer.status != 200 and answer.status not in absent:
            raise NotAnswered(f"{answer.status} for {url}")
        if answer.status == 200 and answer.body is None:
            raise NotAnswered(f"no JSON for {url}")
        return answer
