"""Receivers: the event sources of Argo Events that take deliveries, each with everything that follows from the choice.

A host names its receiver; nobody else asks which one it is. What they do was read in argo-events 1.9.10:
pkg/eventsources/sources/github/start.go, pkg/eventsources/sources/webhook/start.go,
pkg/eventsources/common/webhook/webhook.go.
"""

import hashlib
import hmac
import re
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol

from events import go_json
from events.request import Delivery, Refusal

__all__ = ["GITHUB", "WEBHOOK", "Receiver", "SecretKey", "Verification"]

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
"""Argo Events takes 1 MiB by default, which a push of 1,790 commits exceeds; the bus has to take it too."""

_MASKED = "*** Masked Auth Secret ***"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class Verification(StrEnum):
    """The proof by which Argo Events can tell that a delivery comes from the host."""

    SIGNATURE = "signature"
    """HMAC over the body, checked by the `github` event source whenever `webhookSecret` is set, for every host
    that sends `X-Hub-Signature-256` or `X-Hub-Signature`."""

    BEARER = "bearer"
    """`Authorization: Bearer <token>`, checked by the `webhook` event source with `authSecret`."""

    NONE = "none"
    """The host can neither sign nor send a header that Argo Events checks: the endpoint path is the only secret."""


class SecretKey(Protocol):
    """A key of a Kubernetes Secret."""

    @property
    def name(self) -> str:
        """Name of the Secret."""

    @property
    def key(self) -> str:
        """Key in the Secret."""


class Receiver(ABC):
    """One type of event source."""

    key: ClassVar[str]
    """Key in the `spec` of an EventSource; also the name of the Service's port."""
    port: ClassVar[int]
    """Port of its server; each type has one, because two types cannot share a port."""
    verification: ClassVar[Verification]
    """The proof that it verifies if there is a secret."""
    if_empty: ClassVar[str]
    """The consequence of an empty Secret, as a sentence."""
    demand: ClassVar[str]
    """The condition that a delivery must then meet, as a clause."""
    refusal_status: ClassVar[int]
    """HTTP status of the answer to a delivery that does not verify."""
    headers_key: ClassVar[str]
    """Key of the request's headers in the event data; the key of the body is `body`."""
    on_ack_one: ClassVar[bool]
    """Whether Alibaba Cloud documents it for ACK One, which has Git, OSS and MNS."""

    @abstractmethod
    def endpoint(self, path: str, secret: SecretKey | None, owners: Iterable[str]) -> dict[str, Any]:
        """One endpoint, as it is written below `spec.<key>.<source>` of an EventSource.

        Args:
            path: URL path that the host delivers to.
            secret: What deliveries are verified with; None = nothing is verified.
            owners: Owners of the repositories that the source is about.

        Raises:
            ValueError: The receiver needs a secret.
        """

    def check_secret(self, secret: bytes) -> None:
        """Check the content of a Secret's key.

        Raises:
            ValueError: It is empty, or holds white space alone, which anybody can guess; the message is a sentence for the user.
        """
        if not _without_line_end(secret):
            raise ValueError(f"the secret is empty: {self.if_empty}")
        if not secret.strip():
            raise ValueError("the secret holds spaces and line ends alone, which anybody can guess")

    @abstractmethod
    def verify(self, delivery: Delivery, secret: bytes) -> None:
        """Check a delivery against the content of the Secret's key.

        Raises:
            Refusal: The event source would answer with `refusal_status`.
            ValueError: The delivery was saved, and holds the body or the token not as it was sent.
        """

    @abstractmethod
    def body(self, delivery: Delivery) -> Any:
        """The `body` of the event data.

        Raises:
            Refusal: The event source would answer 400.
        """

    def event_data(self, delivery: Delivery) -> dict[str, Any]:
        """The data of the event that the event source puts on the bus: headers as lists, and the body.

        Raises:
            Refusal: The event source would answer with an error.
        """
        if len(delivery.body) > MAX_PAYLOAD_BYTES:
            raise Refusal(
                "PAYLOAD",
                f"the body has {len(delivery.body):,} bytes, the endpoint takes {MAX_PAYLOAD_BYTES:,}",
            )
        headers = {
            name: [_MASKED] if name == "Authorization" else list(values)
            for name, values in delivery.headers.items()
        }
        return {self.headers_key: headers, "body": self.body(delivery)}

    def _server(self, path: str) -> dict[str, Any]:
        return {
            "endpoint": path,
            "method": "POST",
            "port": str(self.port),
            "maxPayloadSize": MAX_PAYLOAD_BYTES,
        }

    def _mismatch(self, message: str) -> Refusal:
        return Refusal("SIGNATURE", f"{message}; the answer is {self.refusal_status}")


class _GithubSource(Receiver):
    """The `github` event source: it verifies every host if a secret is set, and manages no hooks without a token."""

    key = "github"
    port = 12000
    verification = Verification.SIGNATURE
    # go-github v50.2.0 ValidatePayloadFromBody: `if len(secretToken) > 0` (seen on 1.9.10: unsigned deliveries are answered 200).
    if_empty = "with an empty secret Argo Events checks no signature, and everybody can deliver"
    demand = "is signed with the secret"
    refusal_status = 400
    headers_key = "headers"
    on_ack_one = True

    def endpoint(self, path: str, secret: SecretKey | None, owners: Iterable[str]) -> dict[str, Any]:
        if secret is None:
            raise ValueError(f"{path}: the github event source verifies nothing without a secret")
        return {
            "webhook": self._server(path),
            # Required, and used for hook management alone; owners change more rarely than repositories do, and every
            # change restarts the pod that receives.
            "organizations": sorted(set(owners)),
            "webhookSecret": {"name": secret.name, "key": secret.key},
            "contentType": "json",
            "active": True,
        }

    def verify(self, delivery: Delivery, secret: bytes) -> None:
        """go-github's ValidatePayload: X-Hub-Signature-256 or, where that is absent, X-Hub-Signature."""
        if not delivery.exact_body:
            raise ValueError(
                "a saved delivery does not hold the body byte for byte, so its signature cannot be checked"
            )
        given = delivery.header("X-Hub-Signature-256") or delivery.header("X-Hub-Signature")
        if not given:
            raise self._mismatch("no signature: neither X-Hub-Signature-256 nor X-Hub-Signature")
        algorithm, _, digest = given.partition("=")
        if algorithm not in {"sha1", "sha256", "sha512"}:
            raise self._mismatch("the signature names no algorithm (sha256=...)")
        expected = hmac.new(_without_line_end(secret), delivery.body, getattr(hashlib, algorithm)).hexdigest()
        if not hmac.compare_digest(expected.encode(), digest.encode("utf-8", "surrogatepass")):
            raise self._mismatch(f"the signature does not match body and secret{_ends(secret)}")

    def body(self, delivery: Delivery) -> Any:
        form = self._media_type(delivery) == _FORM
        body = _json(self._form_payload(delivery.body) if form else delivery.body)
        if not isinstance(body, dict):
            raise Refusal("PAYLOAD", "the body is not a JSON object")
        body["X-GitHub-Event"] = delivery.header("X-GitHub-Event") or ""
        body["X-GitHub-Delivery"] = delivery.header("X-GitHub-Delivery") or ""
        return body

    @staticmethod
    def _media_type(delivery: Delivery) -> str:
        """The content type as go-github's ValidatePayload reads it; a bare body counts as JSON."""
        given = delivery.header("Content-Type")
        if given is None and delivery.path is None:
            return _JSON
        media_type = (given or "").partition(";")[0].strip().lower()
        if media_type not in {_JSON, _FORM}:
            raise Refusal(
                "PAYLOAD", f"the Content-Type is {media_type[:60]!r}, not {_JSON}; the answer is 400"
            )
        return media_type

    @staticmethod
    def _form_payload(body: bytes) -> bytes:
        values = _form(body).get("payload")
        if not values:
            raise Refusal(
                "PAYLOAD", "the form has no field payload; set the webhook's content type to application/json"
            )
        return values[0].encode()


class _WebhookSource(Receiver):
    """Compares a bearer token if it is given one, and takes any JSON value."""

    key = "webhook"
    port = 12001
    verification = Verification.BEARER
    # An HTTP server cuts the space off at the end of `Bearer `, which is then no bearer token any more (seen on 1.9.10: 401).
    if_empty = "with an empty token Argo Events refuses every delivery"
    demand = "carries the bearer token"
    refusal_status = 401
    headers_key = "header"
    on_ack_one = False

    def endpoint(self, path: str, secret: SecretKey | None, owners: Iterable[str]) -> dict[str, Any]:  # noqa: ARG002
        token = {} if secret is None else {"authSecret": {"name": secret.name, "key": secret.key}}
        return {**self._server(path), **token}

    def verify(self, delivery: Delivery, secret: bytes) -> None:
        given = (delivery.header("Authorization") or "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, b"Bearer " + _without_line_end(secret)):
            if not delivery.exact_body:
                raise ValueError(
                    "hosts mask tokens in the deliveries that they save and show, so this one's token cannot be checked"
                )
            raise self._mismatch(
                f"the header Authorization: Bearer <token> is missing or wrong{_ends(secret)}"
            )

    def body(self, delivery: Delivery) -> Any:
        if delivery.header("Content-Type") == _FORM:  # this source compares the whole header
            return _form(delivery.body)
        return _json(delivery.body)


GITHUB: Final[Receiver] = _GithubSource()
"""The `github` event source: for every host that signs as GitHub does."""

WEBHOOK: Final[Receiver] = _WebhookSource()
"""The `webhook` event source: for hosts that send a token of your own, or nothing."""


def _without_line_end(secret: bytes) -> bytes:
    """One line end at the end of a Secret's value is not part of it (argo-events pkg/shared/util/util.go)."""
    return secret.removesuffix(b"\n")


_SPACE = {
    b" ": "a space",
    b"\t": "a tab",
    b"\r": "a carriage return (the file has the line ends of Windows)",
    b"\n": "a line end",
}
_ENCODING_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""The mark that editors and shells of Windows write before a text (Unicode Standard 23.8)."""


def _ends(secret: bytes) -> str:
    """The invisible characters at the ends of a secret, as a clause: they count, and the host probably does not have them."""
    kept = _without_line_end(secret)
    first, last = _SPACE.get(kept[:1]), _SPACE.get(kept[-1:])
    if kept.startswith(_ENCODING_MARKS):
        first = "a byte order mark"
    found = [f"starts with {first}"] * bool(first) + [f"ends in {last}"] * bool(last)
    return f"; the secret {' and '.join(found)}, which is part of it" if found else ""


def _form(body: bytes) -> dict[str, list[str]]:
    """A form as Go's url.ParseQuery reads it: empty values are kept, a bare semicolon and a broken escape are errors."""
    text = body.decode("utf-8", "replace")
    if ";" in text or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise Refusal("PAYLOAD", "the form has a semicolon or a % that begins no escape; the answer is 400")
    return urllib.parse.parse_qs(text, keep_blank_values=True)


def _json(body: bytes) -> Any:
    try:
        return go_json.loads(body)
    except ValueError as error:
        raise Refusal("PAYLOAD", str(error)) from error
