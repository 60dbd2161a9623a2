"""Connections of clients on one event loop. Whoever says nothing costs no thread, and never keeps a place from others.

Three bounds, one rule: where there are too many, the one that has had its place for the longest goes. So a new connection is always taken, and a
probe, which needs its place for milliseconds, is answered whatever the others do.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Any

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.netutil import ssl_wrap_socket

from runs.web.requests import HEADERS, Answer, Request
from runs.web.web_config import Security, Settings

__all__ = ["Connections", "Respond"]

HEAD_SECONDS = 10.0
"""From the opening of a connection, or the last answer, to the end of the next request's head: handshake and all."""
BODY_SECONDS = 5.0
SEND_SECONDS = 30.0
"""A client that has not taken an answer by then is left."""
MAX_HEAD_BYTES = 32 * 1024
MAX_WAITING = 256
"""Connections that wait for a request."""
MAX_SENDING = 32
"""Answers that are being sent."""
MAX_SENDING_BYTES = 64 * 1024 * 1024

Respond = Callable[[Request, Settings], Coroutine[None, None, Answer]]


class Connections(HTTPServerConnectionDelegate):
    """All that are open. Belongs to the thread of the event loop."""

    def __init__(self, security: Security, respond: Respond) -> None:
        """Begin without any.

        Args:
            security: Certificates and headers, as they are at that time.
            respond: Answers a request; raises nothing.
        """
        self._security, self._respond = security, respond
        self._parameters = HTTP1ConnectionParameters(
            max_header_size=MAX_HEAD_BYTES,
            header_timeout=HEAD_SECONDS,
            max_body_size=0,
            body_timeout=BODY_SECONDS,
        )
        self._contexts: dict[IOStream, ssl.SSLContext | None] = {}
        """Every open connection, and what it was made under."""
        self._waiting: dict[IOStream, None] = {}
        self._sending: dict[IOStream, int] = {}
        """Connection → bytes of its answer; dictionaries keep the order in which places were taken."""
        self._tasks: set[asyncio.Task[None]] = set()

    def opened(self, connection: socket.socket, address: Any) -> None:
        """Take a new connection; the handshake, where there is one, goes on by itself."""
        context = self._security.now().context
        try:
            stream = IOStream(connection) if context is None else _encrypted(connection, context)
        except OSError:
            # It is gone already.
            connection.close()
            return
        while len(self._waiting) >= MAX_WAITING:
            _leave(self._waiting)
        self._contexts[stream] = context
        self._waiting[stream] = None
        HTTP1ServerConnection(stream, self._parameters, address).start_serving(self)

    async def close(self, seconds: float) -> None:
        """Let answers end for so long, then close everything."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for stream in list(self._contexts):
            stream.close()

    # What tornado tells

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """A connection waits for its first request, or the next one."""
        assert isinstance(server_conn, HTTP1ServerConnection)  # noqa: S101 - tornado's types say less than it does
        assert isinstance(request_conn, HTTP1Connection)  # noqa: S101 - the same
        self._waiting[server_conn.stream] = None
        return _Exchange(self, server_conn.stream, request_conn)

    def on_close(self, server_conn: object) -> None:
        """A connection has ended."""
        assert isinstance(server_conn, HTTP1ServerConnection)  # noqa: S101 - the same
        for places in (self._contexts, self._waiting, self._sending):
            places.pop(server_conn.stream, None)

    def asked(self, stream: IOStream, connection: HTTP1Connection, request: Request) -> None:
        """A whole request has come."""
        self._waiting.pop(stream, None)
        task = asyncio.get_running_loop().create_task(self._exchange(stream, connection, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(self, stream: IOStream, connection: HTTP1Connection, request: Request) -> None:
        settings = self._security.now()
        if self._contexts.get(stream) is not settings.context:
            # It was made under other certificates, or none: what is asked of clients now was not asked of this one.
            stream.close()
            return
        answer = await self._respond(request, settings)
        self._sending[stream] = len(answer.body)
        while len(self._sending) > MAX_SENDING or (
            len(self._sending) > 1 and sum(self._sending.values()) > MAX_SENDING_BYTES
        ):
            _leave(self._sending)
        late = asyncio.get_running_loop().call_later(SEND_SECONDS, stream.close)
        try:
            await connection.write_headers(
                ResponseStartLine("HTTP/1.1", answer.status.value, answer.status.phrase),
                _headers(answer, settings),
                b"" if request.method == "HEAD" else answer.body,
            )
            connection.finish()
        except StreamClosedError:
            pass
        finally:
            late.cancel()
            self._sending.pop(stream, None)


class _Exchange(HTTPMessageDelegate):
    """One request, as tornado reads it."""

    def __init__(self, connections: Connections, stream: IOStream, connection: HTTP1Connection) -> None:
        self._connections, self._stream, self._connection = connections, stream, connection
        self._request = Request("GET", "/")

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        method, target = start_line[0], start_line[1]
        self._request = Request(
            str(method),
            str(target),
            accept=headers.get("Accept", ""),
            accept_encoding=headers.get("Accept-Encoding", ""),
            authorization=headers.get("Authorization", ""),
        )

    def finish(self) -> None:
        self._connections.asked(self._stream, self._connection, self._request)


def _encrypted(connection: socket.socket, context: ssl.SSLContext) -> SSLIOStream:
    wrapped = ssl_wrap_socket(
        connection, context, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
    )
    return SSLIOStream(wrapped)


def _leave(places: dict[IOStream, Any]) -> None:
    """Close the connection that has had its place for the longest."""
    oldest = next(iter(places))
    del places[oldest]
    oldest.close()


def _headers(answer: Answer, settings: Settings) -> HTTPHeaders:
    headers = HTTPHeaders({**HEADERS, **dict(answer.headers), "Content-Type": answer.content_type})
    for name, value in settings.headers.items():
        headers[name] = value
    headers["Content-Length"] = str(len(answer.body))
    headers["Date"] = formatdate(usegmt=True)
    return headers
