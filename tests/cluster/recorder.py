"""A recorder: takes what http triggers send, and keeps it by event and trigger."""

import http.server
import json
import threading
from typing import Any

from cluster.network import CONTROL_PLANE

__all__ = ["Recorder"]


class Recorder:
    """An HTTP server on the bridge."""

    def __init__(self) -> None:
        self.received: dict[tuple[str, str], list[Any]] = {}
        """(path without its slash, event id) → the bodies that came with them."""
        received = self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.setdefault((self.path[1:], body["id"]), []).append(body)
                self.send_response_only(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = http.server.ThreadingHTTPServer((CONTROL_PLANE, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{CONTROL_PLANE}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
