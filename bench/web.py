"""How soon probes are answered while clients misbehave: the exporter as a process, over a fake API server, on loopback.

Each scenario opens a bounded number of connections, asks for /-/healthy over new connections for a few seconds, and closes everything.
"""

import contextlib
import http.client
import socket
import ssl
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import bcrypt
from exporter_process import ExporterProcess
from fake_api_server import fake_api_server

TLS = Path(__file__).parents[1] / "tests" / "data" / "tls"
SECONDS = 4.0
PROBE_TIMEOUT = 2.0
PAUSE = 0.02
BCRYPT_COST = 12
Client = Callable[[int, threading.Event], None]
"""Is given the port, and misbehaves until the event."""


def silent(port: int, stop: threading.Event) -> None:
    """Connects, and says nothing."""
    with socket.create_connection(("127.0.0.1", port), PROBE_TIMEOUT):
        stop.wait()


def dripping(port: int, stop: threading.Event) -> None:
    """Sends a header that never ends, a byte a second."""
    with socket.create_connection(("127.0.0.1", port), PROBE_TIMEOUT) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Drip: ")
        while not stop.wait(1):
            connection.sendall(b"x")


def slow_reader(port: int, stop: threading.Event) -> None:
    """Asks for the metrics again and again, and reads nothing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        stop.wait()


def guessing(port: int, stop: threading.Event) -> None:
    """Tries one password after the other."""
    number = 0
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        number += 1
        token = b64encode(f"alice:{threading.get_ident()}-{number}".encode()).decode()
        connection.request("GET", "/metrics", headers={"Authorization": f"Basic {token}"})
        connection.getresponse().read()
        connection.close()


def shaking_hands(port: int, stop: threading.Event) -> None:
    """Opens TLS connections, one after the other, and asks for nothing."""
    context = _trusting()
    while not stop.is_set():
        with (
            socket.create_connection(("127.0.0.1", port), PROBE_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname="localhost"),
        ):
            pass


PLAIN, ENCRYPTED, GUARDED = "plain", "TLS", "passwords"
SCENARIOS: Sequence[tuple[str, str, Client, int]] = (
    ("nobody else", PLAIN, silent, 0),
    ("8 send a byte a second of a header", PLAIN, dripping, 8),
    ("200 send a byte a second of a header", PLAIN, dripping, 200),
    ("1,000 say nothing", PLAIN, silent, 1000),
    ("16 ask for metrics and read nothing", PLAIN, slow_reader, 16),
    ("nobody else", ENCRYPTED, silent, 0),
    ("1 says nothing", ENCRYPTED, silent, 1),
    ("1,000 say nothing", ENCRYPTED, silent, 1000),
    ("4 shake hands again and again", ENCRYPTED, shaking_hands, 4),
    (f"16 guess passwords (bcrypt cost {BCRYPT_COST})", GUARDED, guessing, 16),
)


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
    context.check_hostname = False
    return context


def probed(port: int, context: ssl.SSLContext | None) -> float | None:
    """Seconds until /-/healthy was answered, over a new connection; None if it was not."""
    began = time.perf_counter()
    connection: http.client.HTTPConnection
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT, context=context)
    try:
        connection.request("GET", "/-/healthy")
        healthy = connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return time.perf_counter() - began if healthy else None


@contextlib.contextmanager
def misbehaving(client: Client, count: int, port: int) -> Iterator[None]:
    """So many clients, each in a thread that ends with the block."""
    stop = threading.Event()

    def run() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            client(port, stop)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for each in threads:
        each.start()
    try:
        time.sleep(0.5)
        yield
    finally:
        stop.set()
        for each in threads:
            each.join(5)


def figures(port: int, context: ssl.SSLContext | None) -> tuple[int, int, str]:
    """How many probes were sent and not answered, and the times of those that were."""
    times: list[float | None] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        times.append(probed(port, context))
        time.sleep(PAUSE)
    answered = sorted(each for each in times if each is not None)
    if not answered:
        return len(times), len(times), "-"
    median, late = answered[len(answered) // 2], answered[int(len(answered) * 0.99)]
    return len(times), len(times) - len(answered), f"{median * 1000:.1f} {late * 1000:.1f}"


def configuration(folder: Path, kind: str) -> tuple[str, ...]:
    """The option that names a web configuration of this kind."""
    texts = {
        PLAIN: "http_server_config: {headers: {X-Bench: web}}\n",
        ENCRYPTED: f"tls_server_config: {{cert_file: '{TLS}/server.pem', key_file: '{TLS}/server.key'}}\n",
        GUARDED: f"basic_auth_users: {{alice: '{bcrypt.hashpw(b'secret', bcrypt.gensalt(BCRYPT_COST)).decode()}'}}\n",
    }
    path = folder / f"{kind}.yml"
    path.write_text(texts[kind])
    return ("--web.config.file", str(path))


def main() -> None:
    """Print the figures."""
    print(f"probes over new connections, {SECONDS:.0f} s each, given up after {PROBE_TIMEOUT:.0f} s:")  # noqa: T201
    print("sent, not answered, milliseconds p50 p99")  # noqa: T201
    with fake_api_server() as api, tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, kind, client, count in SCENARIOS:
            arguments = configuration(folder, kind)
            exporter = ExporterProcess(api.kubeconfig(folder), folder, *arguments)
            port = int(exporter.url.rpartition(":")[2])
            try:
                with misbehaving(client, count, port):
                    sent, lost, times = figures(port, _trusting() if kind == ENCRYPTED else None)
            finally:
                exporter.kill()
            print(f"  {kind:10} {name:42} {sent:5} {lost:5}  {times}")  # noqa: T201


if __name__ == "__main__":
    main()
