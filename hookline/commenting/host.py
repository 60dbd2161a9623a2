"""One host that is asked about comments. Of this package, this module alone sends requests to hosts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import urllib3

from hookline.commenting.comment import Comment
from hookline.commenting.questions import headers, may_write, own_name, person_url, request_url, self_url
from runs.controller.settings import ReportedSource

__all__ = ["AskedHost", "NotAnswered"]

MAX_TOKEN_BYTES = 4096
MAX_ANSWER_BYTES = 4 << 20


class NotAnswered(Exception):
    """The host does not say it now; the message is for the log and holds no token."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any


class AskedHost:
    """The host of one source, asked with the token of its reports."""

    def __init__(self, source: ReportedSource) -> None:
        """Prepare; nothing is asked yet."""
        self.kind = source.host
        self._api = source.api.rstrip("/")
        self._token = Path(source.token_file or "")
        self._own = ""
        self._pool = urllib3.PoolManager(
            maxsize=1,
            timeout=urllib3.Timeout(connect=5, read=20),
            retries=False,
            ca_certs=source.ca_file,
        )

    def own(self) -> str:
        """The name of the token's owner; empty where the host names none, as for a token of a GitHub App.

        Raises:
            NotAnswered: It does not say it now.
        """
        if not self._own:
            answer = self._ask(self_url(self._api), absent=frozenset({403, 404}))
            self._own = own_name(answer.body) if answer.status == 200 else ""
        return self._own

    def may_write(self, repository: str, said: Comment) -> bool:
        """Whether the author of a comment may write to a repository now.

        Raises:
            NotAnswered: The host does not say it now, or not to this token.
        """
        answer = self._ask(person_url(self.kind, self._api, repository, said), absent=frozenset({404}))
        return answer.status == 200 and may_write(self.kind, said, answer.body)

    def request(self, repository: str, number: int) -> Mapping[str, Any] | None:
        """A request; None if there is none.

        Raises:
            NotAnswered: The host does not say it now, or not to this token.
        """
        answer = self._ask(request_url(self.kind, self._api, repository, number), absent=frozenset({404}))
        return answer.body if answer.status == 200 and isinstance(answer.body, dict) else None

    def _ask(self, url: str, absent: frozenset[int]) -> _Answer:
        # Read each time: a Secret may be changed.
        try:
            with self._token.open("rb") as file:
                token = file.read(MAX_TOKEN_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NotAnswered(f"the token cannot be read: {self._token}: {type(error).__name__}") from error
        if not token or not token.isprintable():
            raise NotAnswered(f"the token cannot be read: {self._token} holds no line of text")
        try:
            with self._pool.request(
                "GET",
                url,
                headers={**headers(self.kind, token), "User-Agent": "hookline"},
                redirect=False,
                preload_content=False,
            ) as answer:
                data = answer.read(MAX_ANSWER_BYTES)
        except urllib3.exceptions.HTTPError as error:
            raise NotAnswered(f"nobody answers: {type(error).__name__}") from error
        if answer.status != 200 and answer.status not in absent:
            raise NotAnswered(f"{answer.status} for {url}")
        try:
            return _Answer(answer.status, orjson.loads(data))
        except orjson.JSONDecodeError as error:
            if answer.status != 200:
                return _Answer(answer.status, None)
            raise NotAnswered(f"no JSON for {url}") from error
