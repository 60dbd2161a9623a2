"""Whatever clients do, probes are answered, places come free, and nothing of it is an error of ours."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries
from web_site import TLS, Fake, Site, a_run, basic, client, config

from runs.web.web_config import Security

CONNECTIONS = "runs.web.connections"
ENCRYPTED = f"tls_server_config:\n  cert_file: {TLS}/server.pem\n  key_file: {TLS}/server.key\n"


class Clients:
    """Sites, and connections to them that stay open until the test ends."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.open: list[socket.socket] = []

    def site(self, security: Security | None = None) -> Site:
        self.sites.append(Site(Fake(a_run()), security))
        return self.sites[-1]

    def connect(self, site: Site, said: bytes = b"", receive_buffer: int | None = None) -> socket.socket:
        connection = socket.socket()
        self.open.append(connection)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", site.port))
        connection.sendall(said)
        return connection

    def close(self) -> None:
        for connection in self.open:
            connection.close()
        for site in self.sites:
            site.server.stop()


@pytest.fixture
def clients() -> Iterator[Clients]:
    made = Clients()
    yield made
    made.close()


def ends(connection: socket.socket) -> bool:
    """Whether the server closes it."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nX-Drip: ", id="half a head"),
        pytest.param(b"\x16\x03\x01", id="half a handshake"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", id="no body"),
    ],
)
def test_clients_that_stop_halfway_keep_nobody_waiting(
    tmp_path: Path, clients: Clients, said: bytes, encrypted: bool
) -> None:
    site = clients.site(Security(config(tmp_path, ENCRYPTED)) if encrypted else None)
    for _ in range(40):
        clients.connect(site, said)
    for path in ("/-/healthy", "/-/ready", "/runs"):
        assert site.get(path, context=client() if encrypted else None)[0] == 200
    assert site.failures.count == 0


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_head_has_one_deadline_however_it_drips(
    tmp_path: Path, clients: Clients, monkeypatch: pytest.MonkeyPatch, encrypted: bool
) -> None:
    monkeypatch.setattr(f"{CONNECTIONS}.HEAD_SECONDS", 0.3)
    site = clients.site(Security(config(tmp_path, ENCRYPTED)) if encrypted else None)
    silent, dripping = clients.connect(site), clients.connect(site)
    if encrypted:
        dripping = client().wrap_socket(dripping)
        clients.open.append(dripping)
    dripping.sendall(b"GET / HTTP/1.1\r\nX-Drip: ")
    stop = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not stop.wait(0.02):
                dripping.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        assert ends(dripping)
        assert ends(silent)
    finally:
        stop.set()
        thread.join()


def test_a_new_connection_is_taken_however_many_wait_and_the_oldest_of_those_goes(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{CONNECTIONS}.MAX_WAITING", 8)
    site = clients.site()
    waiting = [clients.connect(site) for _ in range(20)]
    assert site.get("/-/healthy")[0] == 200
    assert all(ends(each) for each in waiting[:12])
    newest = waiting[-1]
    newest.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
    assert newest.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_reads_no_answer_loses_its_place_to_who_does(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{CONNECTIONS}.MAX_SENDING", 4)
    site = clients.site()
    site.metrics = b"m 1\n" * 2_000_000
    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    greedy = [clients.connect(site, asked, receive_buffer=4096) for _ in range(10)]
    # Each has the beginning of its answer, so that it is being sent.
    for each in greedy[:6]:
        with contextlib.suppress(ConnectionError):
            each.recv(1)
    assert site.get("/metrics")[2] == site.metrics
    assert site.get("/-/healthy")[0] == 200


def test_an_answer_that_nobody_takes_is_given_up(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{CONNECTIONS}.SEND_SECONDS", 0.2)
    site = clients.site()
    site.metrics = b"m 1\n" * 2_000_000
    greedy = clients.connect(site, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", receive_buffer=4096)
    assert greedy.recv(1) == b"H"
    time.sleep(0.5)
    received = 0
    with contextlib.suppress(ConnectionError):
        while chunk := greedy.recv(65536):
            received += len(chunk)
    assert received < len(site.metrics)


def test_probes_wait_for_no_page_and_too_many_pages_are_refused_at_once(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.web.server.MAX_ANSWERS", 6)
    site = clients.site()
    begun, go_on = threading.Semaphore(0), threading.Event()
    real = site.application.answer

    def slow(request: object) -> object:
        begun.release()
        go_on.wait(10)
        return real(request)  # type: ignore[arg-type]

    monkeypatch.setattr(site.application, "answer", slow)
    asked = [clients.connect(site, b"GET /runs HTTP/1.0\r\n\r\n") for _ in range(6)]
    try:
        for _ in range(4):
            assert begun.acquire(timeout=10)
        until(lambda: not site.server._answers._left)
        assert site.get("/runs")[0] == 503
        assert site.get("/runs")[1]["Retry-After"] == "1"
        assert site.get("/-/healthy")[0] == site.get("/-/ready")[0] == 200
    finally:
        go_on.set()
    assert all(each.recv(12) == b"HTTP/1.1 200" for each in asked)
    assert site.failures.count == 0


def test_guessing_keeps_nobody_from_probes_nor_who_is_known_from_metrics(
    tmp_path: Path, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.web.server.MAX_PASSWORDS", 3)
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    site = clients.site(Security(config(tmp_path, f"basic_auth_users:\n  alice: {hashed}\n")))
    known = basic("alice", "secret")
    assert site.get("/metrics", Authorization=known)[0] == 200
    at_once, most, go_on = 0, 0, threading.Event()

    def slow(*_: bytes) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        go_on.wait(10)
        at_once -= 1
        return False

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    guess = f"GET /metrics HTTP/1.0\r\nAuthorization: {basic('alice', 'guess')}\r\n\r\n".encode()
    guessing = [clients.connect(site, guess) for _ in range(3)]
    try:
        until(lambda: not site.server._checks._left)
        assert site.get("/metrics", Authorization=basic("bob", "x"))[0] == 503
        assert site.get("/-/healthy")[0] == site.get("/-/ready")[0] == 200
        assert site.get("/metrics", Authorization=known)[0] == 200
        assert site.get("/metrics")[0] == 401
    finally:
        go_on.set()
    assert all(each.recv(12) == b"HTTP/1.1 401" for each in guessing)
    assert most == 1


@pytest.fixture(scope="module")
def steady() -> Iterator[Site]:
    site = Site(Fake(a_run()))
    yield site
    site.server.stop()


REQUEST_LINES = st.one_of(
    st.sampled_from(
        [
            b"POST //[ HTTP/1.1", b"GET //[ HTTP/1.1", b"GET http://[ HTTP/1.1", b"GET http://x/runs HTTP/1.1", b"GET * HTTP/1.1",
            b"GET /runs?before=nan_%00&text=%ff%00 HTTP/1.1", b"GET /runs/%2f%00/%ff HTTP/1.1", b"GET /\xff\x00 HTTP/1.1", b"GET",
            b"GET / HTTP/9.9", b"PRI * HTTP/2.0", b"CONNECT x:1 HTTP/1.1", b"HEAD /runs?text=\xe4 HTTP/1.1",
            b"GET /metrics HTTP/1.1\r\nAuthorization: Basic \xff", b"GET / HTTP/1.1\r\nContent-Length: -1",
            b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6", b"GET / HTTP/1.1\r\nTransfer-Encoding: x", b"GET / HTTP/1.1\r\n: x",
            b"GET / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9", b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000,
            b"GET /runs?before=1" + b"0" * 400 + b"_u HTTP/1.1", b"GET /runs?" + b"a&" * 3000 + b" HTTP/1.1",
        ]
    ),
    st.binary(max_size=60),
)  # fmt: skip


@settings(max_examples=tries(80))
@given(line=REQUEST_LINES)
def test_no_request_is_an_error_of_ours(steady: Site, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", steady.port), 10) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(line + b"\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            answer = connection.recv(65536)
            assert not answer.startswith(b"HTTP/1.1 500")
    assert steady.failures.warnings() == ()
    assert steady.get("/-/healthy")[0] == 200


def test_a_client_that_leaves_in_the_middle_of_a_handshake_is_no_error(
    tmp_path: Path, clients: Clients
) -> None:
    site = clients.site(Security(config(tmp_path, ENCRYPTED)))
    for _ in range(5):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", site.port)) as connection:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")
    with pytest.raises(ssl.SSLError):
        site.get("/", context=ssl.create_default_context())
    assert site.get("/-/healthy", context=client())[0] == 200
    assert site.failures.count == 0
