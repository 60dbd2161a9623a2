"""The HTTP server: one thread for all connections, a few for answers, one for passwords; a graceful stop.

Probes are answered by the thread of the connections, so they wait for no answer, no password and no client.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from tornado.netutil import add_accept_handler

from runs.web.connections import Connections
from runs.web.failures import Failures
from runs.web.passwords import Passwords
from runs.web.requests import UNAUTHORIZED, Answer, Application, Request, credentials
from runs.web.web_config import Security, Settings

__all__ = ["WebServer"]

BACKLOG = 1024
ANSWERS = 4
"""Threads that make pages and metrics."""
MAX_ANSWERS = 32
"""Requests that are being answered, or wait for a thread that does."""
MAX_PASSWORDS = 16
"""The same of passwords that are checked, by one thread: guessing takes one core at most."""
STOP_SECONDS = 5.0
MAX_LOGGED = 200
BUSY = Answer(
    HTTPStatus.SERVICE_UNAVAILABLE, b"too many ask at once; ask again\n", headers=(("Retry-After", "1"),)
)
FAILED = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"hookline failed to answer; its log says why\n")


class _Busy(Exception):
    """Too many wait already."""


class _Pool:
    """Threads, and how many may wait for them. Belongs to the thread of the event loop."""

    def __init__(self, name: str, threads: int, most: int) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._left = most

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of the function.

        Raises:
            _Busy: Too many wait already.
        """
        if not self._left:
            raise _Busy
        self._left -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        finally:
            self._left += 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class WebServer:
    """Serves an application in threads of its own, from start() to stop()."""

    def __init__(
        self,
        host: str,
        port: int,
        application: Application,
        security: Security,
        failures: Failures | None = None,
    ) -> None:
        """Prepare a server that does not listen yet.

        Args:
            host: Where it listens.
            port: 0 for any that is free.
            application: Answers requests.
            security: Certificates, passwords, headers.
            failures: Is told what the application raises.
        """
        self._host, self._port = host, port
        self._application, self._security = application, security
        self._failures = failures or Failures()
        self._answers = _Pool("answer", ANSWERS, MAX_ANSWERS)
        self._checks = _Pool("password", 1, MAX_PASSWORDS)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._serving = threading.Event()

    def start(self) -> int:
        """Listen; the port, also where 0 was asked for.

        Raises:
            OSError: The address cannot be had.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Unlike tornado's function it closes what it could not bind.
        listening = socket.create_server((self._host, self._port), family=family, backlog=BACKLOG)
        listening.settimeout(0)
        port: int = listening.getsockname()[1]
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening)), name="web", daemon=True
        )
        self._thread.start()
        self._serving.wait()
        return port

    def stop(self) -> None:
        """Answer what was asked, then close."""
        if self._thread is None or self._loop is None or self._stopped is None:
            return
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(2 * STOP_SECONDS)
        self._thread = None

    async def _serve(self, listening: socket.socket) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(self._raised)
        tells = _Tells(self._failures)
        library = logging.getLogger("tornado")
        library.addHandler(tells)
        library.propagate = False
        connections = Connections(self._security, self._respond)
        forget = add_accept_handler(listening, connections.opened)
        self._serving.set()
        try:
            await self._stopped.wait()
        finally:
            forget()
            listening.close()
            await connections.close(STOP_SECONDS)
            self._answers.close()
            self._checks.close()
            library.removeHandler(tells)

    def _raised(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._failures.record(str(context.get("message", ""))[:MAX_LOGGED], context.get("exception"))

    async def _respond(self, request: Request, settings: Settings) -> Answer:
        """The answer; whatever goes wrong is recorded and answered with 500."""
        try:
            probed = self._application.probe(request)
            if probed is not None:
                return probed
            if settings.passwords is not None and not await self._admits(settings.passwords, request):
                return UNAUTHORIZED
            answer: Answer = await self._answers.run(self._application.answer, request)
        except _Busy:
            return BUSY
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and we get a log line
            self._failures.record(f"{request.method} {request.path}"[:MAX_LOGGED], error)
            return FAILED
        return answer

    async def _admits(self, passwords: Passwords, request: Request) -> bool:
        given = credentials(request)
        if given is None:
            return False
        return passwords.remembers(*given) or bool(await self._checks.run(passwords.admits, *given))


class _Tells(logging.Handler):
    """Records errors of the library. What clients do wrong (a broken handshake, a lost connection) it reports at lower levels."""

    def __init__(self, failures: Failures) -> None:
        super().__init__(logging.ERROR)
        self._failures = failures

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._failures.record(record.getMessage()[:MAX_LOGGED], error)
