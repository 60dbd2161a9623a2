"""A NATS server on loopback that holds one stream: what the reader of the bus asks, answered as nats-server 2.10 does.

That it is so is shown by the real one (tests/cluster/test_bus.py); this one makes the fast tests of commands possible, and faults at will.
"""

import contextlib
import datetime
import fnmatch
import json
import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["PASSWORD", "TLS", "FakeNats"]

TLS = Path(__file__).parent / "data" / "tls"
PASSWORD = "a-password"
MAX_PAYLOAD = 4 * 1024 * 1024
INFO = {
    "server_id": "fake",
    "version": "2.10.29",
    "headers": True,
    "jetstream": True,
    "max_payload": MAX_PAYLOAD,
    "tls_required": True,
    "auth_required": True,
    "proto": 1,
}


class FakeNats:
    """Messages of a stream by their place."""

    def __init__(self) -> None:
        self.messages: dict[int, tuple[datetime.datetime, str, bytes]] = {}
        self.created = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
        self.last = 0
        self.last_time = "0001-01-01T00:00:00Z"
        self.now: datetime.datetime | None = None
        """Its clock; None = the machine's."""
        self.says_time = True
        """Whether answers tell its clock, as from 2.10 on."""
        self.has_stream = True
        self.consumers: dict[str, dict[str, Any]] = {}
        """Those that exist now."""
        self.status: str | None = None
        """A status that ends the next request for messages, such as 409 Consumer Deleted."""
        self.requests = 0
        """Requests for messages."""
        self.cuts = 0
        """Connections that are cut from now on, in place of a TLS handshake."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """Asks for no certificate of a client, unless a test lets it."""
        self.context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
        self._made = 0
        self._lock = threading.RLock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[_Client] = []
        self._waiting: list[tuple[_Client, str, str]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    def put(self, event: Mapping[str, Any] | bytes, time: datetime.datetime, subject: str = "") -> int:
        """A message at the end of the stream."""
        if isinstance(event, bytes):
            data, name = event, subject
        else:
            data = json.dumps(event).encode()
            name = subject or f"default.{event['source']}.{event['subject']}"
        with self._lock:
            self.last += 1
            self.messages[self.last] = (time, name, data)
            self.last_time = time.isoformat()
            for waiting in self._waiting:
                waiting[0].deliver(*waiting[1:])
            self._waiting.clear()
            return self.last

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._clients:
            each.drop()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            if self.cuts:
                self.cuts -= 1
                plain.sendall(f"INFO {json.dumps(INFO)}\r\n".encode())
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                plain.close()
                continue
            client = _Client(self, plain, self.context)
            self._clients.append(client)
            threading.Thread(target=client.serve, daemon=True).start()

    def state(self) -> dict[str, Any]:
        """The answer to STREAM.INFO."""
        found = sorted(self.messages)
        first, last = (found[0], found[-1]) if found else (self.last + 1, self.last)
        never = "0001-01-01T00:00:00Z"
        now = self.now or datetime.datetime.now(datetime.UTC)
        return {
            "type": "io.nats.jetstream.api.v1.stream_info_response",
            "config": {"name": "default", "max_age": 72 * 3600 * 10**9, "max_msgs": 50_000, "max_bytes": -1},
            "created": self.created.isoformat(),
            "state": {
                "messages": len(found),
                "bytes": sum(len(each[2]) for each in self.messages.values()),
                "first_seq": first,
                "first_ts": self.messages[first][0].isoformat() if found else never,
                "last_seq": last,
                "last_ts": self.last_time,
                "consumer_count": len(self.consumers),
            },
        } | (
            {"ts": now.isoformat(timespec="microseconds").replace("+00:00", "123Z")} if self.says_time else {}
        )

    def create(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A consumer: the messages that it will get."""
        if "opt_start_time" in config:
            begin = datetime.datetime.fromisoformat(config["opt_start_time"])
            start = next((n for n, each in sorted(self.messages.items()) if each[0] >= begin), self.last + 1)
        else:
            start = config["opt_start_seq"]
        self._made += 1
        name = f"consumer{self._made}"
        filters = config.get("filter_subjects") or [config.get("filter_subject") or "*"]
        self.consumers[name] = {"next": start, "filters": filters, "delivered": 0}
        return {
            "type": "io.nats.jetstream.api.v1.consumer_create_response",
            "stream_name": "default",
            "name": name,
            "config": dict(config),
            "created": self.created.isoformat(),
            "num_pending": len(self.left(name)),
            "delivered": {"consumer_seq": 0, "stream_seq": 0},
            "ack_floor": {"consumer_seq": 0, "stream_seq": 0},
        }

    def left(self, consumer: str) -> list[int]:
        """The places of what a consumer has not had."""
        found = self.consumers[consumer]
        return [
            number
            for number in sorted(self.messages)
            if number >= found["next"]
            and any(fnmatch.fnmatchcase(self.messages[number][1], each) for each in found["filters"])
        ]


class _Client:
    """One connection."""

    def __init__(self, server: FakeNats, plain: socket.socket, context: ssl.SSLContext) -> None:
        self._server, self._plain, self._context = server, plain, context
        self._socket: socket.socket = plain
        self._subscriptions: dict[str, str] = {}
        self._send_lock = threading.Lock()

    def serve(self) -> None:
        """Answer until it leaves."""
        with contextlib.suppress(OSError, ValueError):
            self._plain.sendall(f"INFO {json.dumps(INFO)}\r\n".encode())
            self._socket = self._context.wrap_socket(self._plain, server_side=True)
            reading = self._socket.makefile("rb")
            refused = False
            while line := reading.readline():
                verb, _, rest = line.decode().strip().partition(" ")
                if verb == "CONNECT" and json.loads(rest).get("pass") != PASSWORD:
                    self._send(b"-ERR 'Authorization Violation'\r\n")
                    refused = True  # what was sent meanwhile is read: a reset would overtake the words
                elif refused:
                    continue
                elif verb == "PING":
                    self._send(b"PONG\r\n")
                elif verb == "SUB":
                    subject, _, number = rest.rpartition(" ")
                    self._subscriptions[number] = subject.strip()
                elif verb == "PUB":
                    subject, *reply, size = rest.split()
                    body = reading.read(int(size) + 2)[:-2]
                    with self._server._lock:
                        self._answer(subject, reply[0] if reply else "", body)
            self._socket.close()

    def drop(self) -> None:
        """End the connection as a server that is killed."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self, data: bytes) -> None:
        with self._send_lock:
            self._socket.sendall(data)

    def _tell(self, subject: str, reply: str, body: bytes, to: str, headers: bytes = b"") -> None:
        """A message for who listens to `to`; what it says of itself is another thing, as JetStream has it."""
        number = next(n for n, each in self._subscriptions.items() if fnmatch.fnmatchcase(to, each))
        middle = f" {reply}" if reply else ""
        if headers:
            head = f"HMSG {subject} {number}{middle} {len(headers)} {len(headers) + len(body)}\r\n"
        else:
            head = f"MSG {subject} {number}{middle} {len(body)}\r\n"
        self._send(head.encode() + headers + body + b"\r\n")

    def _answer(self, subject: str, reply: str, body: bytes) -> None:
        server = self._server
        api, verb = subject.split(".")[2:4]
        missing = {"error": {"code": 404, "err_code": 10059, "description": "stream not found"}}
        found: dict[str, Any]
        if (api, verb) == ("STREAM", "INFO"):
            found = server.state() if server.has_stream else missing
        elif (api, verb) == ("CONSUMER", "CREATE"):
            found = server.create(json.loads(body)["config"]) if server.has_stream else missing
        elif (api, verb) == ("CONSUMER", "DELETE"):
            server.consumers.pop(subject.rsplit(".", maxsplit=1)[-1], None)
            found = {"success": True}
        else:
            self._next(subject.rsplit(".", maxsplit=1)[-1], reply, json.loads(body))
            return
        self._tell(reply, "", json.dumps(found).encode(), reply)

    def _next(self, consumer: str, reply: str, asked: Mapping[str, Any]) -> None:
        self._server.requests += 1
        if self._server.status is not None:
            status, self._server.status = self._server.status, None
            self._tell(reply, "", b"", reply, f"NATS/1.0 {status}\r\n\r\n".encode())
        elif asked.get("no_wait") or self._server.left(consumer):
            self.deliver(consumer, reply, asked["batch"], asked["max_bytes"])
        else:
            waiting = (self, consumer, reply)
            self._server._waiting.append(waiting)
            timer = threading.Timer(asked["expires"] / 1e9, self._expire, (waiting,))
            timer.daemon = True
            timer.start()

    def _expire(self, waiting: tuple[Any, str, str]) -> None:
        with self._server._lock, contextlib.suppress(OSError):
            if waiting in self._server._waiting:
                self._server._waiting.remove(waiting)
                self._tell(waiting[2], "", b"", waiting[2], b"NATS/1.0 408 Request Timeout\r\n\r\n")

    def deliver(self, consumer: str, reply: str, most: int = 500, most_bytes: int = 1 << 30) -> None:
        """What a consumer has not had, up to this many messages and bytes, and a status if it is less than was asked for."""
        server, size = self._server, 0
        left = server.left(consumer)
        for place, number in enumerate(left[:most]):
            time, subject, data = server.messages[number]
            size += len(data)
            if size > most_bytes:
                self._tell(reply, "", b"", reply, b"NATS/1.0 409 Message Size Exceeds MaxBytes\r\n\r\n")
                return
            state = server.consumers[consumer]
            state["next"], state["delivered"] = number + 1, state["delivered"] + 1
            nanoseconds = round(time.timestamp() * 1e6) * 1000
            pending = len(left) - place - 1
            about = f"$JS.ACK.default.{consumer}.1.{number}.{state['delivered']}.{nanoseconds}.{pending}"
            self._tell(subject, about, data, reply)
        if len(left) < most:
            self._tell(reply, "", b"", reply, b"NATS/1.0 404 No Messages\r\n\r\n")
