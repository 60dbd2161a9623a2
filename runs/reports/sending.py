"""Sends statuses: one HTTP request each. The token is read for each, so that a Secret can be changed while it runs."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import urllib3

from runs.reports.host_api import Answer, Delivered, HostApi, Later, Request, Response, cut
from runs.reports.latest import latest
from runs.reports.outgoing import Send
from runs.reports.status import NOT_STARTED, Report

__all__ = ["sender"]

MAX_TOKEN_BYTES = 4096
MAX_ANSWER_BYTES = 1 << 20


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
    pool = urllib3.PoolManager(
        maxsize=connections,
        block=True,
        timeout=urllib3.Timeout(connect=5, read=20),
        retries=False,
        ca_certs=None if authority is None else str(authority),
    )

    def ask(request: Request) -> Response:
        try:
            with pool.request(
                "GET" if request.body is None else "POST",
                request.url,
                body=None if request.body is None else orjson.dumps(request.body),
                headers={**request.headers, "Content-Type": "application/json", "User-Agent": "hookline"},
                redirect=False,
                preload_content=False,
            ) as answer:
                data = answer.read(MAX_ANSWER_BYTES)
                headers = {name.lower(): value for name, value in answer.headers.items()}
        except urllib3.exceptions.HTTPError as error:
            # Its text names the host and the reason, never a header.
            raise OSError(f"{type(error).__name__}: {error}") from error
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            body = None
        return Response(answer.status, headers, body, time.time())

    def send(report: Report) -> Answer:
        status = report.status
        try:
            with token.open("rb") as file:
                secret = file.read(MAX_TOKEN_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            return Later(f"the token cannot be read: {token}: {type(error).__name__}")
        if not secret or not secret.isprintable():
            return Later(f"the token cannot be read: {token} holds no line of text")
        if report.yields:
            has = latest(api, status, api.question(address, secret, status), ask)
            if not isinstance(has, Mapping):
                return has
            if has and not _may_replace(has, report):
                return Delivered()
        elif report.unsure:
            found = ask(api.question(address, secret, status))
            if found.status == 200 and (known := api.has(status, found.body)) is not None:
                return known
        return api.answer(status, ask(api.request(address, secret, status, report.memory)))

    return send


def _may_replace(has: Mapping[str, Any], report: Report) -> bool:
    """Whether a status that no run gives may stand in place of the one that the host has."""
    said = str(has.get("description") or "")
    # A host may have cut it, at 140 characters or more.
    return said.startswith(NOT_STARTED) and cut(said, 100) != cut(report.status.description, 100)
