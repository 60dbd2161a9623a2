"""Requests to a host over HTTP: bounded in time and size, and no redirect is followed."""

import time
from collections.abc import Callable
from pathlib import Path

import orjson
import urllib3

from runs.reports.host_api import Request, Response

__all__ = ["Ask", "asker"]

MAX_ANSWER_BYTES = 4 << 20
"""GitLab takes 1 MiB of description for a request."""

Ask = Callable[[Request], Response]
"""Asks; raises OSError where nobody answers."""


def asker(authority: Path | None = None, *, connections: int = 4) -> Ask:
    """Asks one host. Safe for threads.

    Args:
        authority: File with the certificates that sign the host's; None for those of the system.
        connections: Kept open, and used at once.
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
                request.method or ("GET" if request.body is None else "POST"),
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

    return ask
