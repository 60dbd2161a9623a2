"""Tokens of a GitHub App: a token signed with the App's private key buys one of an installation, which ends after an hour.

Source: GitHub's REST documentation, "Generating a JSON Web Token (JWT) for a GitHub App" (RS256; issued 60 seconds in the past; ends at most
10 minutes in the future) and "Create an installation access token for an app". The host's clock decides, and its Date header tells it.
"""

import email.utils
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from apiserver.raw_values import unix
from runs.reports.asking import Ask
from runs.reports.host_api import Later, Request, Response, message_of, path, usual_answer
from runs.reports.hosts import github

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["CHECKS", "AppKey", "InstallationTokens", "NotNow", "missing_package"]

CHECKS: Mapping[str, str] = {"checks": "write"}
"""The one right that check runs need."""
MAX_KEY_BYTES = 64 * 1024
BACKDATED_SECONDS = 60.0
LIFE_SECONDS = 540.0
"""From now to the end of what is signed; GitHub takes up to 600."""
EARLY_SECONDS = 300.0
"""So long before its end a token is renewed."""
SKEW_SECONDS = 30.0
"""A difference of the clocks that is worth another try; a Date has whole seconds, and an answer takes a moment."""
MAX_ACCOUNTS = 10_000


class NotNow(Exception):
    """There is no token now."""

    def __init__(self, answer: Later) -> None:
        super().__init__(answer.why)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class AppKey:
    """The App, and the key that proves it."""

    id: int
    private_key: Path
    """File with the private key, PEM. The file is read for each token that is signed."""
    installation: int | None = None
    """None: looked up, once for each owner of repositories."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    ends: float
    """Unix seconds of the host's clock."""


def missing_package() -> str:
    """A package that is needed to sign, and is not installed; empty when all are."""
    try:
        import cryptography  # noqa: F401, PLC0415 - an extra
        import jwt  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        return error.name or str(error)
    return ""


class InstallationTokens:
    """Tokens of one App. Safe for threads: one renews, and the others wait for it."""

    def __init__(
        self,
        address: str,
        app: AppKey,
        ask: Ask,
        *,
        permissions: Mapping[str, str] = CHECKS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin without any token; nothing is asked yet.

        Args:
            address: Of the host's API.
            app: Who asks.
            ask: Asks the host.
            permissions: Rights of the tokens, GitHub's names → read or write; the App must have them.
            clock: Unix seconds of this machine.
        """
        self._address, self._app, self._ask, self._clock = address, app, ask, clock
        self._permissions = permissions
        self._skew = 0.0
        """Seconds by which the host's clock is ahead of this machine's."""
        self._installations: dict[str, int] = {}
        self._tokens: dict[int, _Token] = {}
        self._lock = threading.Lock()

    def token(self, repository: str) -> str:
        """A token for a repository, `owner/name`.

        Raises:
            NotNow: The host gives none, or the private key cannot be read.
            OSError: Nobody answers.
        """
        with self._lock:
            installation = self._installation(repository)
            found = self._tokens.get(installation)
            if found is None or found.ends - EARLY_SECONDS <= self._now():
                found = self._tokens[installation] = self._renewed(installation, repository)
            return found.text

    def refused(self, token: str) -> None:
        """The host did not take this token: it was revoked, or it ended. The next one is new."""
        with self._lock:
            for installation, found in list(self._tokens.items()):
                if found.text == token:
                    del self._tokens[installation]

    def _now(self) -> float:
        """Unix seconds of the host's clock."""
        return self._clock() + self._skew

    def _installation(self, repository: str) -> int:
        if self._app.installation is not None:
            return self._app.installation
        owner, _, name = repository.partition("/")
        # An account has one installation of an App.
        known = self._installations.get(owner.lower())
        if known is not None:
            return known
        response = self._as_app(f"{self._address}/repos/{path(owner)}/{path(name)}/installation", None)
        found = response.body.get("id") if isinstance(response.body, dict) else None
        if response.status != 200 or not isinstance(found, int) or isinstance(found, bool):
            raise NotNow(_later(response, f"the App is not installed for {repository}"))
        if len(self._installations) >= MAX_ACCOUNTS:
            self._installations.clear()
        self._installations[owner.lower()] = found
        return found

    def _renewed(self, installation: int, repository: str) -> _Token:
        url = f"{self._address}/app/installations/{installation}/access_tokens"
        response = self._as_app(url, {"permissions": dict(self._permissions)})
        body = response.body if isinstance(response.body, dict) else {}
        text, ends = body.get("token"), unix(body.get("expires_at"))
        usable = isinstance(text, str) and text.isascii() and text.isprintable() and text
        if response.status != 201 or not usable or not isinstance(text, str):
            # It may have been removed and made again, with another number.
            self._installations.pop(repository.partition("/")[0].lower(), None)
            raise NotNow(_later(response, f"the App has no installation {installation}"))
        return _Token(text, self._now() + 3600.0 if ends is None else ends)

    def _as_app(self, url: str, body: Mapping[str, Any] | None) -> Response:
        response = self._asked(url, body)
        if response.status == 401 and abs(self._learned(response)) > SKEW_SECONDS:
            # The clock of this machine was wrong; now the host's is known.
            response = self._asked(url, body)
        self._learned(response)
        return response

    def _asked(self, url: str, body: Mapping[str, Any] | None) -> Response:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._signed()}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return self._ask(Request(url, headers, body))

    def _learned(self, response: Response) -> float:
        """Take the host's clock from an answer; by how many seconds that changed what was known of it."""
        try:
            said = email.utils.parsedate_to_datetime(response.headers.get("date", "")).timestamp()
        except (TypeError, ValueError, OverflowError):
            return 0.0
        before, self._skew = self._skew, said - self._clock()
        return self._skew - before

    def _signed(self) -> str:
        import jwt  # noqa: PLC0415 - an extra, and only for Apps

        now = self._now()
        claims = {
            "iat": int(now - BACKDATED_SECONDS),
            "exp": int(now + LIFE_SECONDS),
            "iss": str(self._app.id),
        }
        file = self._app.private_key
        try:
            with file.open("rb") as opened:
                key = opened.read(MAX_KEY_BYTES)
        except OSError as error:
            raise NotNow(
                Later(f"the private key cannot be read: {file}: {type(error).__name__}", everything=True)
            ) from None
        try:
            return jwt.encode(claims, _parsed(key), algorithm="RS256")
        except Exception:  # noqa: BLE001 - libraries name many reasons, and some repeat what they read
            raise NotNow(
                Later(
                    f"the private key cannot be used: {file} holds no RSA private key in PEM, as GitHub's settings of the App give it",
                    everything=True,
                )
            ) from None


@lru_cache(maxsize=4)
def _parsed(key: bytes) -> "RSAPrivateKey":
    """The key that a PEM file holds. Reading proves each time that its numbers are primes, which takes 25 times as long as to sign.

    Raises:
        Exception: Of any kind of the libraries; the file holds no RSA private key.
    """
    from jwt.algorithms import RSAAlgorithm  # noqa: PLC0415 - an extra, and only for Apps

    found = RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(key)
    return cast("RSAPrivateKey", found)


def _later(response: Response, missing: str) -> Later:
    if (limited := github.limits(response)) is not None:
        return limited
    said = message_of(response)
    if response.status == 404:
        return Later(f"404 {said}: {missing}")
    if response.status == 401:
        return Later(f"401 {said}: app.id and the private key are not of one App, or the key was revoked")
    if response.status == 403:
        return Later(f"403 {said}: the installation is suspended, or the App may not do this")
    if response.status == 422:
        return Later(f"422 {said}: the App needs the permission {', '.join(CHECKS)}: read and write")
    answer = usual_answer(response)
    if isinstance(answer, Later):
        return answer
    return Later(f"{response.status} {said}: no token in the answer")
