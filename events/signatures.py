"""Signatures and tokens, checked as the event sources of Argo Events check them."""

import hashlib
import hmac

from events.delivery import Delivery, Refusal
from events.host import Host, Verification

__all__ = ["verify"]


def verify(delivery: Delivery, host: Host, secret: bytes) -> None:
    """Check a delivery.

    Args:
        delivery: With the body byte for byte as it was sent.
        host: Which decides between signature and bearer token.
        secret: Content of the Secret's key; one line end at the end is not part of it
            (argo-events pkg/shared/util/util.go).

    Raises:
        Refusal: The event source would answer 400 or 401.
        ValueError: There is nothing to verify, or the body is not what was sent.
    """
    key = secret.removesuffix(b"\n")
    match host.verification:
        case Verification.SIGNATURE:
            if not delivery.exact_body:
                raise ValueError(
                    "a saved delivery does not hold the body byte for byte, so its signature cannot be checked"
                )
            _verify_signature(delivery, key)
        case Verification.BEARER:
            given = (delivery.header("Authorization") or "").encode()
            if not hmac.compare_digest(given, b"Bearer " + key):
                raise Refusal(
                    "SIGNATURE",
                    "the header Authorization: Bearer <token> is missing or wrong; the answer is 401",
                )
        case Verification.NONE:
            raise ValueError(f"{host.title} proves nothing, so there is nothing to verify")


def _verify_signature(delivery: Delivery, key: bytes) -> None:
    """go-github's ValidatePayload: X-Hub-Signature-256 or, where that is absent, X-Hub-Signature."""
    given = delivery.header("X-Hub-Signature-256") or delivery.header("X-Hub-Signature")
    if not given:
        raise Refusal(
            "SIGNATURE", "no signature: neither X-Hub-Signature-256 nor X-Hub-Signature; the answer is 400"
        )
    algorithm, _, digest = given.partition("=")
    if algorithm not in {"sha1", "sha256", "sha512"}:
        raise Refusal("SIGNATURE", "the signature names no algorithm (sha256=...); the answer is 400")
    expected = hmac.new(key, delivery.body, getattr(hashlib, algorithm)).hexdigest()
    if not hmac.compare_digest(expected.encode(), digest.encode()):
        raise Refusal("SIGNATURE", "the signature does not match body and secret; the answer is 400")
