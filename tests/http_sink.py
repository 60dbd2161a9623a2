"""An HTTP server on loopback that takes messages, and refuses them as a test says."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HttpSink:
    """Takes CloudEvents in structured mode."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        """Answers to the next requests; then `usual`."""
        self.usual = 200
        self.taken: Counter[str] = Counter()
        """Ids of the events that were answered with 2xx."""
        self.bodies: list[Any] = []
        """All bodies, in the order of their arrival."""
        handler = type("BoundHandler", (_Handler,), {"sink": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/events"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    sink: HttpSink
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        sink = self.sink
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"].startswith("application/cloudevents+json")
        sink.bodies.append(body)
        answer = sink.answers.pop(0) if sink.answers else sink.usual
        if 200 <= answer < 300:
            sink.taken[body["id"]] += 1
        self.send_response(answer)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def http_sink() -> Iterator[HttpSink]:
    sink = HttpSink()
    try:
        yield sink
    finally:
        sink.stop()
