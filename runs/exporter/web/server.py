"""The HTTP server: a bounded number of threads, timeouts, TLS whose certificates can change, a graceful stop."""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from runs.exporter.web.failures import Failures
from runs.exporter.web.web_config import Security

__all__ = ["WebServer"]

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
THREADS = 8
WAITING_CONNECTIONS = 64
TIMEOUT_SECONDS = 15
STOP_SECONDS = 5
MAX_HEADER_BYTES = 32 * 1024
MAX_LOGGED = 200


class _Tls(BuiltinSSLAdapter):
    """Takes the certificates anew for each handshake."""

    def __init__(self, security: Security, certificate: tuple[str, str]) -> None:
        super().__init__(*certificate)
        self._security = security

    def wrap(self, sock: Any) -> Any:
        context = self._security.context()
        if context is not None:
            self.context = context
        return super().wrap(sock)  # type: ignore[no-untyped-call]


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
            application: Answers requests (WSGI).
            security: Certificates.
            failures: Is told what the application raises.
        """
        self._failures = failures or Failures()
        self._server = wsgi.Server(
            (host, port),
            self._guarded(application),
            numthreads=THREADS,
            server_name="hookline",
            request_queue_size=WAITING_CONNECTIONS,
            timeout=TIMEOUT_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )
        self._server.max_request_header_size = MAX_HEADER_BYTES
        self._server.max_request_body_size = 1
        self._server.error_log = self._server_says  # type: ignore[method-assign,assignment]
        if security.certificate is not None:
            self._server.ssl_adapter = _Tls(security, security.certificate)
        self._thread: threading.Thread | None = None

    def _guarded(self, application: Application) -> Application:
        """The application; what it raises is recorded and answered with 500."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            try:
                return application(environ, start_response)
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and we get a log line
                self._failures.record(
                    f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"[:MAX_LOGGED], error
                )
                start_response("500 Internal Server Error", [("Content-Type", "text/plain")], sys.exc_info())
                return [b"hookline failed to answer; its log says why\n"]

        return answer

    def _server_says(self, message: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: ARG002 - cheroot's signature
        """Record errors. Cheroot reports what clients do wrong (a broken handshake, a lost connection) at lower levels."""
        if level >= logging.ERROR:
            self._failures.record(message[:MAX_LOGGED], sys.exc_info()[1])

    def start(self) -> int:
        """Listen; the port, also where 0 was asked for.

        Raises:
            OSError: The address cannot be had.
        """
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="web", daemon=True)
        self._thread.start()
        port: int = self._server.bind_addr[1]
        return port

    def stop(self) -> None:
        """Answer what was asked, then close."""
        self._server.stop()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
