"""A relay between a host and an event source: passes each request on byte for byte, and keeps it with the answer."""

import http.server
import threading
from dataclasses import dataclass
from http.client import HTTPConnection

from cluster.installation import Request
from cluster.network import CONTROL_PLANE

__all__ = ["Passed", "Relay"]

HOP_BY_HOP = {"host", "connection", "content-length", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Passed:
    """One request and what the event source answered."""

    request: Request
    status: int


class Relay:
    """An HTTP server on the bridge."""

    def __init__(self, address: str, port: int) -> None:
        """Start it.

        Args:
            address: Of the event source.
            port: Of the event source.
        """
        self.passed: list[Passed] = []
        """In the order in which they were answered."""
        passed = self.passed

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, dict(self.headers.items()), body)
                connection = HTTPConnection(address, port, timeout=120)
                sent = {
                    name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP
                }
                connection.request("POST", self.path, body, sent)
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                passed.append(Passed(request, answer.status))
                self.send_response_only(answer.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self._server = http.server.ThreadingHTTPServer((CONTROL_PLANE, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{CONTROL_PLANE}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
