"""An API server that refuses, or does not answer, is told within seconds: once in the log, and always in /-/ready."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from fake_api_server import FakeApiServer, Fault, fake_api_server, reset, status

from apiserver.connection import Connection
from apiserver.lease import Lease
from apiserver.pod_logs import download
from apiserver.troubles import Troubles
from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES
from runs.exporter.ledger import Ledger
from runs.exporter.live import Live
from runs.exporter.prices import BUILT_IN
from runs.exporter.service import ClusterScope, Service


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


@pytest.fixture
def logs() -> Iterator[Sequence[Any]]:
    with structlog.testing.capture_logs() as found:
        yield found


@contextmanager
def service(url: str, *namespaces: str) -> Iterator[Service]:
    """The watching part of the exporter."""
    sources = ClusterScope(Connection.plain(url), namespaces or ("ci",))
    found = Service(sources, Configuration(), Ledger(None, 0.0), Live(version="1", prices=BUILT_IN))
    found.start()
    try:
        yield found
    finally:
        found.stop()


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def of(resource: str, fault: Fault) -> Fault:
    """A fault of the requests for one resource; others are answered."""
    return lambda handler, query: f"/{resource}?" in handler.path and fault(handler, query)


def told(logs: Sequence[Any], resource: str) -> list[tuple[Any, ...]]:
    """What was logged about a resource, without words that may differ."""
    return [
        (each["log_level"], each["verb"], each["namespace"], each.get("status"))
        for each in logs
        if each.get("resource") == resource
    ]


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_of_everything_is_told_once_with_resource_verb_namespace_and_status(
    api: FakeApiServer, logs: Sequence[Any], code: int
) -> None:
    for request in ("list", "watch"):
        api.fail(request, *[status(code, "Unauthorized" if code == 401 else "Forbidden")] * 500)
    with service(api.url) as found:
        until(lambda: len(api.requests) >= 9 and all(told(logs, each) for each in RESOURCES))
        for resource in RESOURCES:
            # A list as a stream is a watch; a server that forbids it is asked for a list.
            expected = [("warning", verb, "ci", code) for verb in ("watch", "list")]
            assert told(logs, resource) == expected[: len(told(logs, resource))]
        reason = found.not_ready(time.time())
    assert reason is not None
    assert (
        f"watch workflows in namespace ci: {'Unauthorized' if code == 401 else 'Forbidden'}: {code}" in reason
    )


def test_a_refusal_of_one_resource_names_it_alone_and_ends_with_it(
    api: FakeApiServer, logs: Sequence[Any]
) -> None:
    for request in ("list", "watch"):
        api.fail(request, *[of("pods", status(403, "Forbidden"))] * 500)
    with service(api.url, "") as found:
        until(lambda: all(found.statistics[each][0].synced for each in ("workflows", "events")))
        until(lambda: ("warning", "list", "all", 403) in told(logs, "pods"))
        reason = found.not_ready(time.time())
        assert reason is not None
        assert "list pods in all namespaces: Forbidden: 403" in reason
        assert told(logs, "workflows") == told(logs, "events") == []
        for faults in api.faults.values():
            faults.clear()
        until(lambda: found.not_ready(time.time()) is None)
        # The line follows the change of state, in the thread of the watch.
        until(lambda: not found.troubles.current() and told(logs, "pods")[-1][:2] == ("info", "watch"))


def test_a_right_that_is_taken_away_later_is_told_while_it_stays_ready(
    api: FakeApiServer, logs: Sequence[Any]
) -> None:
    with service(api.url) as found:
        # The lists came as streams: three watches each.
        until(lambda: len(api.watchers) == 6 and found.not_ready(time.time()) is None)
        api.fail("watch", *[of("pods", status(403, "Forbidden"))] * 500)
        api.end_watches()
        until(found.troubles.current)
        assert found.troubles.current()[0].startswith("watch pods in namespace ci: Forbidden")
        assert found.not_ready(time.time()) is None
        assert told(logs, "pods") == [("warning", "watch", "ci", 403)]


def test_a_refused_connection_is_told(logs: Sequence[Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with service(f"http://127.0.0.1:{port}") as found:
        until(lambda: ("warning", "watch", "ci", None) in told(logs, "pods"))
        reason = found.not_ready(time.time())
    assert reason is not None
    assert "unreachable" in reason
    assert "refused" in reason


def test_a_connection_that_is_closed_is_told(api: FakeApiServer, logs: Sequence[Any]) -> None:
    for request in ("list", "watch"):
        api.fail(request, *[of("events", reset)] * 500)
    with service(api.url):
        until(lambda: told(logs, "events"))
    assert told(logs, "events")[0] == ("warning", "watch", "ci", None)


def test_a_server_that_never_answers_is_told_within_seconds_and_once(
    monkeypatch: pytest.MonkeyPatch, logs: Sequence[Any]
) -> None:
    monkeypatch.setattr("apiserver.troubles.ANSWER_SECONDS", 0.1)
    monkeypatch.setattr("apiserver.troubles.LOOK_SECONDS", 0.02)
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, service(f"http://127.0.0.1:{silent.getsockname()[1]}") as found:
        until(lambda: all(told(logs, each) for each in RESOURCES))
        time.sleep(0.2)
        reason = found.not_ready(time.time())
        assert told(logs, "pods") == [("warning", "watch", "ci", None)]
    assert reason is not None
    assert re.search(r"watch workflows in namespace ci: no answer", reason)


def test_a_list_as_a_stream_that_a_server_does_not_know_is_no_trouble(
    api: FakeApiServer, logs: Sequence[Any]
) -> None:
    api.streaming_lists = False
    with service(api.url) as found:
        until(lambda: found.not_ready(time.time()) is None)
    assert not [each for each in logs if each["log_level"] == "warning"]


@pytest.mark.parametrize("code", [401, 403, 500])
def test_logs_that_may_not_be_read_are_told_once(
    api: FakeApiServer, monkeypatch: pytest.MonkeyPatch, logs: Sequence[Any], code: int
) -> None:
    monkeypatch.setattr("apiserver.pod_logs.PAUSE_SECONDS", 0.001)
    api.fail("log", *[status(code)] * 12)
    troubles = Troubles()
    for _ in range(3):
        connection = Connection.plain(api.url)
        download(connection, "ci", "p", "main", limit_bytes=10, deadline_seconds=5, troubles=troubles)
    assert told(logs, "pods/log") == [("warning", "get", "ci", code)]
    assert "get pods/log in namespace ci" in troubles.current()[0]


def test_a_log_that_is_gone_is_no_trouble(api: FakeApiServer, logs: Sequence[Any]) -> None:
    connection = Connection.plain(api.url)
    download(connection, "ci", "gone", "main", limit_bytes=10, deadline_seconds=5, troubles=Troubles())
    assert not logs


def test_a_lease_that_may_not_be_had_is_told(api: FakeApiServer, logs: Sequence[Any]) -> None:
    api.fail("lease", *[status(403, "Forbidden")] * 10)
    troubles = Troubles()
    lease = Lease(Connection.plain(api.url), "ci", "hookline", "first", troubles=troubles)
    stop = threading.Event()
    for _ in range(3):
        assert not lease.attempt()
    assert told(logs, "leases") == [("warning", "get", "ci", 403)]
    api.faults["lease"].clear()
    assert lease.wait(stop)
    assert troubles.of("leases") is None
