"""The reader of the bus against a server that answers as NATS does (tests/cluster/test_bus.py has the real one)."""

import contextlib
import datetime
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
from fake_nats import PASSWORD, FakeNats

from bus import reader as module
from bus.address import BusError, Credentials
from bus.reader import BusReader, any_certificate

START = datetime.datetime(2026, 11, 27, 6, 0, tzinfo=datetime.UTC)
RIGHT = Credentials("client", PASSWORD)


@pytest.fixture
def server() -> Iterator[FakeNats]:
    found = FakeNats()
    yield found
    found.stop()


def connected(server: FakeNats, credentials: Credentials | None = RIGHT) -> BusReader:
    return BusReader("127.0.0.1", server.port, credentials, any_certificate())


def fill(server: FakeNats, count: int, size: int = 10) -> None:
    for number in range(count):
        subject = "default.webhooks.github" if number % 3 else "default.calendar.night"
        server.put(b"x" * size, START + datetime.timedelta(seconds=number), subject)


def test_messages_come_in_order_whatever_a_request_may_bring(
    server: FakeNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    fill(server, 50)
    with connected(server) as bus:
        found = list(bus.messages((), 1, 50))
    assert [each.sequence for each in found] == list(range(1, 51))
    assert found[3].time == START + datetime.timedelta(seconds=3)
    assert (found[0].subject, found[0].data) == ("default.calendar.night", b"x" * 10)
    assert server.requests == 8


def test_a_request_brings_no_more_bytes_than_the_reader_holds(
    server: FakeNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 1)  # then the largest message counts, 4 MiB
    fill(server, 20, 1024 * 1024)
    with connected(server) as bus:
        assert len(list(bus.messages((), 1, 20))) == 20
    assert server.requests == 5


def test_only_the_subjects_that_are_asked_for_are_sent(server: FakeNats) -> None:
    fill(server, 9)
    with connected(server) as bus:
        one = list(bus.messages(("default.calendar.*",), 1, 9))
        two = list(bus.messages(("default.calendar.*", "default.webhooks.*"), 4, 8))
    assert [each.sequence for each in one] == [1, 4, 7]
    assert [each.sequence for each in two] == [4, 5, 6, 7, 8]


def test_reading_begins_at_a_time(server: FakeNats) -> None:
    fill(server, 9)
    with connected(server) as bus:
        found = list(bus.messages((), START + datetime.timedelta(seconds=6, milliseconds=1), 9))
        later = list(bus.messages((), START + datetime.timedelta(days=1), 9))
    assert [each.sequence for each in found] == [8, 9]
    assert later == []


def test_reading_ends_at_a_place_although_more_has_come(server: FakeNats) -> None:
    fill(server, 9)
    with connected(server) as bus:
        assert [each.sequence for each in bus.messages(("default.webhooks.*",), 1, 4)] == [2, 3]


def test_nothing_of_the_reader_stays_on_the_server(server: FakeNats) -> None:
    fill(server, 30)
    with connected(server) as bus:
        list(bus.messages((), 1, 30))
        next(bus.messages((), 1, 30))  # given up half-way
        next(bus.follow((), 20))
    assert server.consumers == {}


def test_following_gives_what_comes_and_says_when_nothing_came(
    server: FakeNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FOLLOW_SECONDS", 0.05)
    fill(server, 3)
    with connected(server) as bus:
        coming = bus.follow((), 1)
        assert [getattr(next(coming), "sequence", None) for _ in range(3)] == [2, 3, None]
        server.put(b"new", START, "default.webhooks.github")
        found = [each for each in itertools.islice(coming, 5) if each is not None]
        assert [each.data for each in found] == [b"new"]


def test_the_state_says_what_is_kept_and_since_when(server: FakeNats) -> None:
    fill(server, 9)
    for number in range(1, 4):
        del server.messages[number]
    server.now = START + datetime.timedelta(hours=1)
    with connected(server) as bus:
        found = bus.state()
    assert (found.messages, found.first_sequence, found.last_sequence, found.size) == (6, 4, 9, 60)
    assert found.begins == START + datetime.timedelta(seconds=3)
    assert found.max_age == datetime.timedelta(hours=72)
    assert (found.max_messages, found.max_size) == (50_000, None)
    assert found.now is not None
    assert abs(found.now - server.now) < datetime.timedelta(milliseconds=1)


def test_a_stream_that_has_dropped_nothing_is_complete_since_it_was_made(server: FakeNats) -> None:
    server.says_time = False
    with connected(server) as bus:
        empty = bus.state()
        fill(server, 2)
        found = bus.state()
    assert empty.messages == 0
    assert found.begins == server.created
    assert found.now is None


@pytest.mark.parametrize("credentials", [None, Credentials("client", "another")])
def test_a_wrong_password_is_said_and_not_printed(server: FakeNats, credentials: Credentials | None) -> None:
    with pytest.raises(BusError, match="Authorization Violation") as caught:
        connected(server, credentials)
    assert "another" not in str(caught.value) + repr(credentials)


def test_a_bus_without_a_stream_is_told_from_an_empty_one(server: FakeNats) -> None:
    server.has_stream = False
    with connected(server) as bus:
        with pytest.raises(BusError, match="has no stream default"):
            bus.state()
        with pytest.raises(BusError, match="has no stream default"):
            list(bus.messages((), 1, 1))


def test_a_consumer_that_is_lost_is_an_error_and_no_end(server: FakeNats) -> None:
    fill(server, 3)
    server.status = "409 Consumer Deleted"
    with connected(server) as bus, pytest.raises(BusError, match="409 Consumer Deleted"):
        list(bus.messages((), 1, 3))


def test_a_server_that_is_lost_on_the_way_is_an_error(
    server: FakeNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 1.0)
    fill(server, 9)
    with connected(server) as bus:
        coming = bus.messages((), 1, 9)
        next(coming)
        server.stop()
        with pytest.raises(BusError, match="the bus at 127"):
            list(coming)


def test_a_connection_that_is_cut_before_tls_is_made_again_and_not_for_ever(server: FakeNats) -> None:
    fill(server, 1)
    server.cuts = module.CONNECT_TRIES - 1
    with connected(server) as bus:
        assert bus.state().messages == 1
    server.cuts = 100
    with pytest.raises(BusError, match=r"ConnectionReset|Errno 104"):
        connected(server)
    # The client itself asks once or twice.
    assert server.cuts >= 100 - 2 * module.CONNECT_TRIES


def test_nobody_who_listens_is_said_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(BusError, match=r"Connect call failed"):
        BusReader("127.0.0.1", port, RIGHT, any_certificate())


def test_a_password_is_not_sent_without_tls() -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def plain() -> None:
            # It may ask once or twice; the listener is closed when it has given up.
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(
                    b'INFO {"server_id":"x","version":"2.10.29","max_payload":1048576,"headers":true}\r\n'
                )
                connection.settimeout(1)
                with contextlib.suppress(TimeoutError):
                    received.append(connection.recv(4096))
                connection.close()

        thread = threading.Thread(target=plain, daemon=True)
        thread.start()
        with pytest.raises(BusError):
            BusReader("127.0.0.1", listener.getsockname()[1], RIGHT, any_certificate())
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert received
    assert PASSWORD.encode() not in b"".join(received)


def test_a_certificate_that_is_refused_ends_at_once_with_the_reason(server: FakeNats) -> None:
    begun = time.monotonic()
    with pytest.raises(BusError, match="certificate verify failed"):
        BusReader("127.0.0.1", server.port, RIGHT, ssl.create_default_context())
    assert time.monotonic() - begun < 5
