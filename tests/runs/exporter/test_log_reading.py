"""A log that takes long to parse ends with its time, and what is small or needs no parsing does not wait for all of them."""

import os
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fake_api_server import FakeApiServer, fake_api_server
from log_shapes import SHAPES, shaped

from apiserver.connection import Connection
from apiserver.troubles import Troubles
from runs.exporter.configuration import Configuration
from runs.exporter.counting import Change
from runs.exporter.log_process import LogProcess
from runs.exporter.log_reading import LogReading
from runs.step_logs import read_step
from runs.tracker import LogRequest

SMALL = b"Start Go Test...\n"


@pytest.fixture
def process() -> Iterator[LogProcess]:
    found = LogProcess(60)
    yield found
    found.close()


@pytest.mark.parametrize("name", list(SHAPES)[::7])
def test_the_process_reads_what_a_thread_reads(process: LogProcess, name: str) -> None:
    step, log = shaped(name, 100_000)
    for exit_code in (0, 1):
        assert process.read_step(step, log, exit_code, cut=True) == read_step(step, log, exit_code, cut=True)


def test_a_log_that_takes_too_long_is_given_up_and_the_next_one_is_read(
    process: LogProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert process.read_step("run-test", SMALL, 0) == read_step("run-test", SMALL, 0)
    first = process._process
    assert first is not None
    monkeypatch.setattr(process, "_seconds", 0.001)
    with pytest.raises(TimeoutError, match=r"no result after 0.001 s"):
        process.read_step("run-test", b"=== RUN TestX\n" * 1_000_000, 0)
    assert first.returncode is not None
    monkeypatch.setattr(process, "_seconds", 60.0)
    assert process.read_step("run-test", SMALL, 0) == read_step("run-test", SMALL, 0)


def test_a_process_that_dies_costs_one_log(process: LogProcess) -> None:
    process.read_step("run-test", SMALL, 0)
    assert process._process is not None
    process._process.kill()
    process._process.wait()
    with pytest.raises(RuntimeError, match="the process that reads logs ended"):
        process.read_step("run-test", SMALL, 0)
    assert process.read_step("run-test", SMALL, 0) == read_step("run-test", SMALL, 0)


def test_an_error_in_the_process_costs_one_log(process: LogProcess) -> None:
    with pytest.raises(RuntimeError, match="TypeError"):
        process.read_step("run-test", "no bytes", 0)
    assert process.read_step("run-test", SMALL, 0) == read_step("run-test", SMALL, 0)


def test_the_process_ends_with_the_one_that_started_it(process: LogProcess) -> None:
    process.read_step("run-test", SMALL, 0)
    assert process._process is not None
    assert process._pipe is not None
    process._pipe.close()
    process._pipe = None
    assert process._process.wait(20) == 0


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


def test_four_logs_that_take_for_ever_delay_another_run_by_one_of_them_at_most(
    api: FakeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.logs = {f"hostile-{number}": b"x" * 100_000 for number in range(4)} | {"good": SMALL}
    begun, go_on = queue.SimpleQueue[int](), threading.Semaphore(0)

    def read(_: LogProcess, step: str, log: bytes, *arguments: Any, **options: Any) -> Any:
        begun.put(len(log))
        assert go_on.acquire(timeout=20)
        return read_step(step, log, *arguments, **options)

    monkeypatch.setattr(LogProcess, "read_step", read)
    told: queue.SimpleQueue[Change] = queue.SimpleQueue()
    reading = LogReading(Connection.plain(api.url), Configuration(), Troubles(), told.put)
    reading.start()
    try:
        for number in range(4):
            reading.ask(LogRequest("ci", f"hostile-{number}", f"h{number}", "run-test", 0, ()))
        assert begun.get(timeout=20) == 100_000
        # While it is parsed: a pod that is gone is told, and a small log waits for this one alone.
        reading.ask(LogRequest("ci", "good", "good", "run-test", 0, ()))
        reading.ask(LogRequest("ci", "gone", "gone", "run-test", 0, ()))
        assert (gone := told.get(timeout=20)).uid == "gone"
        assert gone.result == "gone"
        while sum(kind == "log" for kind, _ in api.requests) < 6 or reading._downloaded.qsize() < 4:
            os.sched_yield()
        go_on.release(5)
        order = [told.get(timeout=20).uid for _ in range(5)]
        assert order[0].startswith("h")
        assert order[1] == "good"
    finally:
        go_on.release(5)
        reading.stop()


def test_logs_that_wait_too_long_are_not_read(api: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.exporter.log_reading.LATE_SECONDS", -1.0)
    told: queue.SimpleQueue[Change] = queue.SimpleQueue()
    reading = LogReading(Connection.plain(api.url), Configuration(), Troubles(), told.put)
    reading.start()
    reading.ask(LogRequest("ci", "p", "u", "run-test", 0, ()))
    assert (change := told.get(timeout=20)).uid == "u"
    assert change.result == "error"
    assert api.requests == []
    reading.stop()
