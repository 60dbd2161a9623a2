"""Harbor."""

from events.host import Host, Verification
from events.receivers import WEBHOOK

HOST = Host(
    name="harbor",
    title="Harbor",
    kinds=frozenset({"image_push", "other"}),
    receiver=WEBHOOK,
    verification=Verification.BEARER,
    setup="Webhook policy of the project for artifact pushed, with the auth header Bearer <token>; both payload formats are read.",
)
