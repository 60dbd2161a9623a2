"""The log of an ended container, read once, bounded in bytes and time."""

import time
from dataclasses import dataclass
from typing import Literal

import urllib3

from apiserver.connection import CHUNK, Connection, Refused, Unreachable
from apiserver.troubles import Troubles

__all__ = ["LogDownload", "download"]

ATTEMPTS = 3
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class LogDownload:
    """Result of reading the log."""

    result: Literal["complete", "gone", "error"]
    data: bytes = b""
    cut: bool = False
    """Whether the limit was reached before the end."""


def download(
    connection: Connection,
    namespace: str,
    pod: str,
    container: str,
    *,
    limit_bytes: int,
    deadline_seconds: float,
    last_lines: int | None = None,
    troubles: Troubles | None = None,
) -> LogDownload:
    """Read a log. A broken answer is requested again; the log of a deleted pod is not.

    Args:
        connection: The API server.
        namespace: Of the pod.
        pod: Its name.
        container: Its container.
        limit_bytes: The log is read up to here.
        deadline_seconds: Time for all attempts.
        last_lines: Read from so many lines before the end; from the beginning if not given.
        troubles: Is told when the server refuses, or does not answer.
    """
    troubles = troubles or Troubles()
    asked = ("get", "pods/log", namespace)
    end = time.monotonic() + deadline_seconds
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
    query = {"container": container, "timestamps": "true", "limitBytes": str(limit_bytes)}
    if last_lines is not None:
        query["tailLines"] = str(last_lines)
    for attempt in range(ATTEMPTS):
        left = end - time.monotonic()
        if left <= 0:
            break
        try:
            with connection.open("GET", path, query, read_seconds=min(left, 30.0)) as response:
                troubles.answered(*asked)
                return _read(response, limit_bytes, end)
        except Refused as refused:
            # 400 and 404 are about this pod: its container never started, or it is gone.
            if refused.status not in {400, 404}:
                troubles.failed(*asked, refused)
            if refused.status == 404:
                return LogDownload("gone")
            # 403 is asked again: an API server that has just started refuses everything until it has read its roles.
            if refused.status in {400, 401}:
                return LogDownload("error")
        except Unreachable as unreachable:
            troubles.failed(*asked, unreachable)
        if attempt < ATTEMPTS - 1:
            time.sleep(min(PAUSE_SECONDS * 2**attempt, max(0.0, end - time.monotonic())))
    return LogDownload("error")


def _read(response: urllib3.BaseHTTPResponse, limit_bytes: int, end: float) -> LogDownload:
    data = bytearray()
    while chunk := response.read1(CHUNK):
        data += chunk
        if len(data) >= limit_bytes or time.monotonic() > end:
            return LogDownload("complete", bytes(data), cut=True)
    return LogDownload("complete", bytes(data))
