"""Signatures and tokens, checked as the event sources of Argo Events check them."""

from events.host import Host, Verification
from events.request import Delivery

__all__ = ["verify"]


def verify(delivery: Delivery, host: Host, secret: bytes) -> None:
    """Check a delivery.

    Args:
        delivery: With the body byte for byte as it was sent.
        host: Whose receiver decides between signature and bearer token.
        secret: Content of the Secret's key.

    Raises:
        Refusal: The event source would answer 400 or 401.
        ValueError: There is nothing to verify, the secret is none, or the body is not what was sent.
    """
    if host.verification is Verification.NONE:
        raise ValueError(f"{host.title} proves nothing, so there is nothing to verify")
    host.receiver.check_secret(secret)
    host.receiver.verify(delivery, secret)
