"""Sends statuses: one HTTP request each. The token is read for each, so that a Secret can be changed while it runs."""

from collections.abc import Mapping
from pathlib import Path

from runs.reports.asking import asker
from runs.reports.host_api import Answer, HostApi, Later
from runs.reports.latest import latest, no_more_to_tell
from runs.reports.outgoing import Send
from runs.reports.status import Report

__all__ = ["secret_of", "sender"]

MAX_TOKEN_BYTES = 4096


def sender(
    api: HostApi, address: str, token: Path, authority: Path | None = None, *, connections: int = 4
) -> Send:
    """Sends statuses to one host.

    Args:
        api: The kind of the host.
        address: Of its API.
        token: File with the token.
        authority: File with the certificates that sign the host's; None for those of the system.
        connections: Kept open.
    """
    ask = asker(authority, connections=connections)

    def send(report: Report) -> Answer:
        status = report.status
        secret = secret_of(token)
        if isinstance(secret, Later):
            return secret
        if report.yields:
            question = api.question(address, secret, status)
            if (found_there := no_more_to_tell(api, report, question, ask)) is not None:
                return found_there
        elif report.unsure:
            # An answer that does not say it is none: the host is told, which at worst is the second time.
            found = latest(api, status, api.question(address, secret, status), ask)
            if isinstance(found, Mapping) and (known := api.has(status, [found])) is not None:
                return known
        return api.answer(status, ask(api.request(address, secret, status, report.memory)))

    return send


def secret_of(token: Path) -> str | Later:
    """The token in a file, or why there is none."""
    try:
        with token.open("rb") as file:
            secret = file.read(MAX_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        return Later(f"the token cannot be read: {token}: {type(error).__name__}")
    if not secret or not secret.isprintable():
        return Later(f"the token cannot be read: {token} holds no line of text")
    return secret
