"""Whatever goes wrong between us and the API server, the reflector ends up knowing what the server knows."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import structlog
from fake_api_server import FakeApiServer, Fault, fake_api_server, raw_stream, reset, status
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes import client
from tries import tries

from apiserver.connection import Connection
from apiserver.lease import Lease
from apiserver.pod_logs import download
from apiserver.reflector import Reflector, Timing, WatchTarget

PATH = "/apis/argoproj.io/v1alpha1/workflows"


class Known:
    """What a sink was told, and what is known of it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.state: dict[str, Any] = {}
        self.syncs = 0

    def changed(self, _: str, record: tuple[str, Any]) -> None:
        self.told.append(("changed", record[0]))
        self.state[record[0]] = record[1]

    def deleted(self, _: str, record: tuple[str, Any]) -> None:
        self.told.append(("deleted", record[0]))
        self.state.pop(record[0], None)

    def vanished(self, _: str, uid: str) -> None:
        self.told.append(("vanished", uid))
        self.state.pop(uid, None)

    def synced(self, _: str) -> None:
        self.syncs += 1


def keep(raw: Mapping[str, Any]) -> tuple[str, Any]:
    return raw["metadata"]["uid"], raw.get("value")


class Watching:
    """A reflector in a thread over a fake server."""

    def __init__(self, api: FakeApiServer, **options: Any) -> None:
        self.api, self.known = api, Known()
        timing = options.pop("timing", Timing(first_pause=0.005, longest_pause=0.02, silence=5.0))
        self.reflector: Reflector[tuple[str, Any]] = Reflector(
            options.pop("connection", None) or Connection.plain(api.url),
            WatchTarget("workflows", PATH),
            keep,
            self.known,
            timing=timing,
            chance=random.Random(1),
            **{"streaming": False} | options,
        )
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.reflector.run, args=(self.stop,), daemon=True)
        self.thread.start()

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, (self.known.told, self.reflector.statistics)
            time.sleep(0.002)

    def until_equal(self) -> None:
        self.until(
            lambda: self.known.state == {uid: raw.get("value") for uid, raw in self.api.objects.items()}
        )

    def until_watching(self, times: int = 1) -> None:
        self.until(lambda: self.reflector.statistics.watches >= times and self.api.watchers)

    def end(self) -> None:
        self.stop.set()
        self.api.end_all_watches()
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


@pytest.fixture
def watching(api: FakeApiServer) -> Iterator[Callable[..., Watching]]:
    started: list[Watching] = []

    def start(**options: Any) -> Watching:
        started.append(Watching(api, **options))
        return started[-1]

    yield start
    for each in started:
        each.end()


def test_a_list_in_pages_then_changes(api: FakeApiServer, watching: Callable[..., Watching]) -> None:
    for number in range(1203):
        api.put(f"u{number}", value=number)
    found = watching()
    found.until_watching()
    assert len(found.known.state) == 1203
    assert [kind for kind, _ in api.requests].count("list") == 3
    api.put("u1", value="new")
    api.delete("u2")
    found.until_equal()
    assert found.known.told[-2:] == [("changed", "u1"), ("deleted", "u2")]
    assert found.known.syncs == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(status(500), "server_error", id="500"),
        pytest.param(
            status(429, "TooManyRequests", Retry_After="0"), "too_many_requests", id="429 with Retry-After"
        ),
        pytest.param(status(403, "Forbidden"), "forbidden", id="403"),
        pytest.param(status(404, "NotFound"), "not_found", id="404 until the kind is served"),
        pytest.param(status(410, "Expired"), "expired", id="410 in the middle of pages"),
        pytest.param(reset, "unreachable", id="reset"),
        pytest.param(raw_stream(b"<html>"), "invalid", id="no JSON"),
        pytest.param(raw_stream(b"[]"), "invalid", id="no object"),
    ],
)
def test_a_list_that_fails_is_asked_for_again(
    api: FakeApiServer, watching: Callable[..., Watching], fault: Fault, reason: str
) -> None:
    api.page_limit = 2
    for number in range(5):
        api.put(f"u{number}", value=number)
    api.fail("list", lambda *_: False, fault)
    found = watching()
    found.until_equal()
    found.until_watching()
    assert found.reflector.statistics.list_errors == {reason: 1}


GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


@pytest.mark.parametrize(
    ("fault", "reason", "relists"),
    [
        pytest.param(status(410, "Expired"), "expired", 1, id="410 as the answer"),
        pytest.param(
            raw_stream(json.dumps({"type": "ERROR", "object": GONE}).encode() + b"\n"),
            "expired",
            1,
            id="410 within the stream",
        ),
        pytest.param(
            raw_stream(b'{"type": "ERROR", "object": {"kind": "Status", "code": 500}}\n'),
            "server_error",
            0,
            id="500 within",
        ),
        pytest.param(status(503), "server_error", 0, id="503"),
        pytest.param(status(429, "TooManyRequests"), "too_many_requests", 0, id="429"),
        pytest.param(reset, "unreachable", 0, id="reset"),
        pytest.param(raw_stream(b'{"type": "ADDED", "obj'), "truncated", 0, id="a line is cut"),
        pytest.param(raw_stream(b"{]\n"), "invalid", 0, id="a line is no JSON"),
        pytest.param(raw_stream(b'{"kind": "x"}\n'), "invalid", 0, id="a line is no event"),
    ],
)
def test_a_watch_that_fails_goes_on_where_it_was(
    api: FakeApiServer, watching: Callable[..., Watching], fault: Fault, reason: str, relists: int
) -> None:
    api.put("a", value=1)
    api.fail("watch", fault)
    found = watching()
    api.put("b", value=2)
    found.until_watching(2)
    api.put("a", value=3)
    found.until_equal()
    assert found.reflector.statistics.watch_errors == {reason: 1}
    assert found.reflector.statistics.relists == relists


NESTED = b'{"metadata": {"uid": "deep", "name": "deep"}, "spec": ' + b"[" * 1100 + b"]" * 1100 + b"}"
NO_TEXT = b'{"metadata": {"uid": "no text", "name": "\xff"}}'
NO_OBJECT = b"[1, 2]"
ODD = b'{"metadata": [{"uid": {}}], "value": 1}'


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "data", [NESTED, NO_TEXT, NO_OBJECT, ODD], ids=["deep", "no text", "no object", "odd"]
)
def test_an_object_that_nobody_can_read_hides_no_other(
    api: FakeApiServer, watching: Callable[..., Watching], data: bytes, streaming: bool
) -> None:
    api.put("a", value=1)
    api.spoil("workflows", "b", data)
    api.put("c", value=3)
    with structlog.testing.capture_logs() as logs:
        found = watching(streaming=streaming)
        found.until_watching()
        assert found.known.state == {"a": 1, "c": 3}
        dropped = found.reflector.statistics.undecodable
        assert dropped == 1
        api.spoil("workflows", "d", data)
        api.put("e", value=5)
        found.until(lambda: found.known.state == {"a": 1, "c": 3, "e": 5})
        assert found.reflector.statistics.undecodable > dropped
        assert found.reflector.statistics.relists == 0
    assert [each["log_level"] for each in logs if each["event"].startswith("dropped")] == ["error"]


def test_a_record_that_cannot_be_made_hides_no_other(
    api: FakeApiServer, watching: Callable[..., Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = keep

    def fails(raw: Mapping[str, Any]) -> tuple[str, Any]:
        if raw["value"] == 2:
            raise OverflowError("int too large to convert to float")
        return real(raw)

    monkeypatch.setitem(Watching.__init__.__globals__, "keep", fails)
    for number, uid in enumerate("abc", 1):
        api.put(uid, value=number)
    found = watching()
    found.until_watching()
    api.put("d", value=2)
    api.put("e", value=5)
    found.until(lambda: found.known.state == {"a": 1, "c": 3, "e": 5})
    assert found.reflector.statistics.undecodable == 2


def test_a_page_that_is_too_large_is_asked_for_with_fewer_objects(
    api: FakeApiServer, watching: Callable[..., Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.reflector.MAX_PAGE_BYTES", 10_000)
    monkeypatch.setattr("apiserver.reflector.MAX_PAGE_VALUES", 1_000)
    for number in range(100):
        api.put(f"u{number}", value="x" * 500)
    api.put("many", value=[[]] * 900)  # alone beyond the limit
    found = watching()
    found.until_watching()
    assert len(found.known.state) == 101
    asked = [query["limit"] for kind, query in api.requests if kind == "list"]
    assert asked[:3] == ["500", "62", "7"]
    assert asked.count("500") == asked.count("62") == 1


def test_a_watch_of_which_nothing_can_be_read_is_not_asked_for_at_once(
    api: FakeApiServer, watching: Callable[..., Watching]
) -> None:
    api.put("a", value=1)
    api.fail("watch", *[raw_stream(b"<html>\n")] * 4)
    found = watching()
    found.until(lambda: found.reflector.statistics.watches >= 5)
    assert found.reflector.statistics.watch_errors == {"invalid": 4}
    api.put("b", value=2)
    found.until_equal()


def test_a_reflector_outlives_whatever_is_raised(
    api: FakeApiServer, watching: Callable[..., Watching]
) -> None:
    api.put("a", value=1)
    failures = [MemoryError(), RecursionError(), KeyError("x")]

    class Failing(Connection):
        """Of this reflector alone: threads of other tests may still watch."""

        def open(self, *arguments: Any, **options: Any) -> Any:
            if failures:
                raise failures.pop()
            return super().open(*arguments, **options)

    found = watching(connection=Failing.plain(api.url))
    found.until_equal()
    assert found.reflector.statistics.list_errors == {"internal": 3}


def test_silence_ends_a_watch(api: FakeApiServer, watching: Callable[..., Watching]) -> None:
    api.put("a", value=1)
    found = watching(timing=Timing(first_pause=0.005, longest_pause=0.02, silence=0.1))
    found.until_watching(2)
    assert set(found.reflector.statistics.watch_errors) == {"timeout"}
    assert found.reflector.statistics.relists == 0


def test_a_bookmark_moves_the_version_on(api: FakeApiServer, watching: Callable[..., Watching]) -> None:
    api.put("a", value=1)
    found = watching()
    found.until_watching()
    api.bookmark(version=90)
    found.until(lambda: found.reflector.statistics.bookmarks == 1)
    api.end_watches()
    found.until_watching(2)
    assert [query["resourceVersion"] for kind, query in api.requests if kind == "watch"] == ["2", "90"]


def test_what_went_unheard_comes_out_of_the_next_list(
    api: FakeApiServer, watching: Callable[..., Watching]
) -> None:
    for uid in ("a", "b", "c"):
        api.put(uid, value=1)
    found = watching()
    found.until_watching()
    api.delete("b", silently=True)
    api.put("c", silently=True, value=2)
    api.compact()
    api.end_watches()
    found.until_equal()
    found.until(lambda: found.known.syncs == 2)
    assert ("vanished", "b") in found.known.told
    assert found.reflector.statistics.relists == 1


def test_doubles_and_deletes_of_the_unknown_do_no_harm(
    api: FakeApiServer, watching: Callable[..., Watching]
) -> None:
    raw = api.put("a", value=1)
    found = watching()
    found.until_watching()
    api.send("ADDED", raw)
    api.send("DELETED", {"metadata": {"uid": "never seen", "resourceVersion": "3"}})
    api.put("b", value=2)
    found.until_equal()


@pytest.mark.parametrize("offered", [True, False])
def test_a_list_can_come_as_a_stream_and_falls_back_to_pages(
    api: FakeApiServer, watching: Callable[..., Watching], offered: bool
) -> None:
    api.streaming_lists = offered
    for number in range(5):
        api.put(f"u{number}", value=number)
    found = watching(streaming=True, timing=Timing(first_pause=0.005, longest_pause=0.02, silence=0.5))
    found.until_watching()
    found.until_equal()
    api.compact()
    api.end_watches()
    found.until(lambda: found.known.syncs == 2)
    asked = [kind for kind, query in api.requests if kind == "list" or "sendInitialEvents" in query]
    assert asked == (["watch", "watch"] if offered else ["watch", "list", "list"])


@pytest.mark.parametrize("ends", [True, False])
def test_a_server_that_takes_a_streamed_list_for_a_watch_is_asked_for_pages(
    api: FakeApiServer, watching: Callable[..., Watching], ends: bool
) -> None:
    api.streaming_lists = None
    api.put("a", value=1)
    found = watching(streaming=True, timing=Timing(first_pause=0.005, longest_pause=0.02, silence=0.5))
    if ends:
        found.until(lambda: api.watchers)
        api.end_watches()
    found.until(lambda: found.known.syncs == 1)
    found.until_equal()
    assert found.reflector.statistics.list_errors == {"truncated" if ends else "timeout": 1}


def test_a_rotated_token_is_read_again(api: FakeApiServer, watching: Callable[..., Watching]) -> None:
    tokens = iter(["old", "old", "new", "new", "new", "new", "new"])
    configuration = client.Configuration(host=api.url, api_key={"authorization": "Bearer old"})

    def rotate(changed: client.Configuration) -> None:
        changed.api_key["authorization"] = f"Bearer {next(tokens, 'new')}"

    configuration.refresh_api_key_hook = rotate  # type: ignore[assignment]  # the client declares None alone
    api.put("a", value=1)
    api.token = "new"
    found = watching(connection=Connection(configuration))
    found.until_equal()


@settings(max_examples=tries(25))
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from(["put", "delete", "put silently", "delete silently"]), st.integers(0, 5)
            ),
            st.tuples(st.sampled_from(["compact", "end", "watch 500", "watch cut", "list 500"]), st.just(0)),
        ),
        max_size=25,
    )
)
def test_any_history_of_changes_and_faults_converges(steps: list[tuple[str, int]]) -> None:
    with fake_api_server() as api:
        found = Watching(api)
        try:
            for number, (step, which) in enumerate(steps):
                uid, silently = f"u{which}", step.endswith("silently")
                if step.startswith("put"):
                    api.put(uid, silently=silently, value=number)
                elif step.startswith("delete") and uid in api.objects:
                    api.delete(uid, silently=silently)
                elif step == "compact":
                    api.compact()
                elif step == "end":
                    api.end_watches()
                elif step == "watch 500":
                    api.fail("watch", status(500))
                elif step == "watch cut":
                    api.fail("watch", raw_stream(b'{"type": "MODI'))
                elif step == "list 500":
                    api.fail("list", status(500))
            # What went unheard is only found by a list.
            api.compact()
            api.end_watches()
            found.until_equal()
        finally:
            found.end()


def test_a_log_is_read_once_and_up_to_its_limit(api: FakeApiServer) -> None:
    connection = Connection.plain(api.url)
    api.logs["p"] = b"x" * 100_000
    whole = download(connection, "ci", "p", "main", limit_bytes=1_000_000, deadline_seconds=5)
    assert (whole.result, len(whole.data), whole.cut) == ("complete", 100_000, False)
    part = download(connection, "ci", "p", "main", limit_bytes=70_000, deadline_seconds=5)
    assert (part.result, len(part.data), part.cut) == ("complete", 70_000, True)
    assert api.requests[0][1] == {"container": "main", "timestamps": "true", "limitBytes": "1000000"}


@pytest.mark.parametrize(
    ("faults", "result", "requests"),
    [
        ([], "gone", 1),
        ([status(400)], "error", 1),
        # An API server that has just started refuses everything for a moment.
        ([status(403)], "gone", 2),
        ([status(403), status(403), status(403)], "error", 3),
        ([status(500), status(500)], "gone", 3),
        ([reset, reset, reset], "error", 3),
    ],
)
def test_a_log_that_cannot_be_read_says_why(
    api: FakeApiServer, monkeypatch: pytest.MonkeyPatch, faults: list[Fault], result: str, requests: int
) -> None:
    monkeypatch.setattr("apiserver.pod_logs.PAUSE_SECONDS", 0.001)
    api.fail("log", *faults)
    found = download(Connection.plain(api.url), "ci", "p", "main", limit_bytes=1000, deadline_seconds=5)
    assert (found.result, len(api.requests)) == (result, requests)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_of_two_holds_the_lease_and_a_silent_holder_is_replaced(api: FakeApiServer) -> None:
    connection, clock = Connection.plain(api.url), Clock()
    first, second = (Lease(connection, "ci", "hookline", name, clock=clock) for name in ("first", "second"))
    assert first.attempt()
    assert not second.attempt()
    assert second.holder == "first"
    clock.now += 10
    assert first.attempt()
    clock.now += 10
    assert not second.attempt()  # it saw the renewal only now
    clock.now += 16
    assert second.attempt()
    assert not first.attempt()
    assert not first.held


def test_a_released_lease_is_taken_at_once(api: FakeApiServer) -> None:
    connection, clock = Connection.plain(api.url), Clock()
    first, second = (Lease(connection, "ci", "hookline", name, clock=clock) for name in ("first", "second"))
    assert first.attempt()
    first.release()
    assert second.attempt()
    assert api.leases["hookline"]["spec"]["leaseTransitions"] == 1


def test_of_two_that_grab_at_once_one_gets_it(api: FakeApiServer) -> None:
    connection = Connection.plain(api.url)
    leases = [Lease(connection, "ci", "hookline", f"i{number}") for number in range(8)]
    threads = [threading.Thread(target=each.attempt) for each in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each.held for each in leases) == 1


def test_a_holder_that_cannot_renew_says_that_it_lost_it(api: FakeApiServer) -> None:
    lease = Lease(Connection.plain(api.url), "ci", "hookline", "first", seconds=0.05)
    assert lease.attempt()
    api.fail("lease", *[status(500)] * 50)
    lost: list[bool] = []
    lease.hold(threading.Event(), lambda: lost.append(True))
    assert lost == [True]
    assert not lease.held
