"""Harbor."""

from events.host import Host, Verification

HOST = Host(
    name="harbor",
    title="Harbor",
    kinds=frozenset({"image_push", "other"}),
    receiver="webhook",
    verification=Verification.BEARER,
    setup="Webhook policy of the project for artifact pushed, with the auth header Bearer <token>; both payload formats are read.",
)
