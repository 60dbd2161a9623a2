"""The whole exporter as a process over an API server: it counts once, also when it is killed, and one at a time."""

import functools
import gzip
import json
import multiprocessing
import os
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest
from api_objects import START, STEPS, History, green_run, history, workflow
from click.testing import CliRunner, Result
from exporter_process import ExporterProcess, ExporterThread, run_until_killed, wait_less
from fake_api_server import FakeApiServer, fake_api_server, status
from fan_out_histories import ORDER_BYTES, fan_out_history
from http_sink import http_sink
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from support import ROOT

from apiserver.lease import Lease
from hookline.cli import main

KILLS = 12
PLACES = [("within transaction", 7), ("before commit", 2), ("after commit", 2)]
"""Places of the ledger, and how often a process with two new runs comes there at least, or nearly so."""
FAILED = [("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 1)]
CHECKOUT = (
    b"Start to Clone  https://x\nAlready up to date.\nStart to Checkout target branch main\n"
    b"Commit id is got: 3f1c3f1\nGit Clone and Checkout Complete.\n"
)
LOGS = {"git-checkout-pr": CHECKOUT}


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    while Process.started:
        Process.started.pop().kill()


@pytest.fixture
def threads() -> Iterator[list[ExporterThread]]:
    found: list[ExporterThread] = []
    yield found
    for each in found:
        each.stop()


@pytest.fixture(autouse=True)
def short_pauses() -> Iterator[None]:
    with wait_less():
        yield


@pytest.fixture(autouse=True)
def signals_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands handle the signals of a process that ends with them."""
    for command in ("exporter", "record", "replay"):
        monkeypatch.setattr(f"hookline.commands.{command}.stop_signal", threading.Event)


class Process(ExporterProcess):
    """The exporter over the fake server."""

    started: ClassVar[list["Process"]] = []

    def __init__(self, api: FakeApiServer, folder: Path, *arguments: str) -> None:
        super().__init__(api.kubeconfig(folder), folder, *arguments)
        Process.started.append(self)


def put(api: FakeApiServer, played: History) -> None:
    for uid, log in played.logs.items():
        pod = next(raw for _, raw in played.pods if raw["metadata"]["uid"] == uid)
        api.logs[pod["metadata"]["name"]] = log
    for resource, _, raw in played.changes():
        api.store(resource, raw)


def count_from(folder: Path) -> Path:
    """A ledger that counts from the time of the test's objects."""
    from runs.exporter.ledger import Ledger

    path = folder / "ledger.db"
    Ledger(path, START - 1).close()
    return path


def total(path: Path, family: str) -> float:
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT value FROM series WHERE family = ?", (family,)).fetchall()
    database.close()
    return float(sum(Fraction(json.loads(value)) for (value,) in rows))


TEAM = {"namespace": "ci", "owner": ""}


def test_it_counts_what_it_sees_and_shows_it(api: FakeApiServer, tmp_path: Path) -> None:
    put(api, green_run("a", START, LOGS))
    exporter = Process(api, tmp_path, "--ledger", str(count_from(tmp_path)))
    labels = TEAM | {"pipeline": "shop", "event": "push", "outcome": "success"}
    exporter.until(lambda: exporter.value("hookline_runs_total", **labels) == 1)
    put(api, history("b", START + 60, FAILED, LOGS))
    labels["outcome"] = "failure"
    exporter.until(lambda: exporter.value("hookline_runs_total", **labels) == 1)
    assert exporter.value("hookline_cache_hits_total", **TEAM, pipeline="shop", cache="git_checkout") == 2
    assert exporter.value("hookline_log_reads_total", **TEAM, step="run-test", result="gone") == 2
    assert exporter.ready()
    assert "shop-a" in exporter.get("/runs")
    assert "3f1c3f1c" in exporter.get("/runs/ci/shop-b")
    text = exporter.get("/metrics", Accept="application/openmetrics-text")
    read: Any = read_openmetrics  # has no annotations
    exemplars = [sample.exemplar for family in read(text) for sample in family.samples if sample.exemplar]
    assert {"workflow": "shop-a"} in [exemplar.labels for exemplar in exemplars]
    assert exporter.value("process_cpu_seconds_total") is not None
    assert exporter.stop() == 0


def test_the_pages_show_a_run_as_it_goes_on_and_what_was_red_after_a_restart_too(
    api: FakeApiServer, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("log_limit_bytes: 65536\nlog_lines: 3\n")
    arguments = ("--ledger", str(count_from(tmp_path)), "--config", str(tmp_path / "config.yaml"))
    exporter = Process(api, tmp_path, *arguments)
    api.store(
        "workflows", workflow("a", START, status={"phase": "Pending", "message": "Waiting for ci/Mutex/x"})
    )
    exporter.until(lambda: "shop-a" in exporter.get("/runs?outcome=queued"))
    assert "Waiting for ci/Mutex/x" in exporter.get("/runs/ci/shop-a")
    failed = (
        b"--- FAIL: TestTotal (0.00s)\n    total_test.go:12: want 3\nFAIL\nFAIL\texample.com/total\t0.1s\n"
    )
    log = failed + b"a line of a log that is too long to be read whole\n" * 5000 + b"one\ntwo\nthe end\n"
    # No step that hookline knows: what is red is shown whatever it is called.
    put(api, history("a", START, [("lint", "Failed", 1)], {"lint": log}))
    exporter.until(lambda: "shop-a" in exporter.get("/runs?outcome=failure"))
    assert "shop-a" not in exporter.get("/runs?outcome=queued")
    shown = exporter.get("/runs/ci/shop-a")
    assert "lint failed: TestTotal at total_test.go:12" in shown
    assert ">one\ntwo\nthe end\n</code></pre>" in shown
    assert [query.get("tailLines") for kind, query in api.requests if kind == "log"] == [None, "3"]
    assert exporter.stop() == 0
    again = Process(api, tmp_path, *arguments)
    again.until(again.ready)
    assert again.get("/runs/ci/shop-a") == shown
    assert again.stop() == 0


def test_kills_at_any_moment_lose_and_double_nothing(
    api: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed (SIGKILL) 12 times: within a transaction, before and after its end, and while a sink that is often down takes its CDEvents."""
    # The server that forks is told nothing of sys.path, and starts without what it cannot import.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "tests"))))
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["exporter_process"])
    ledger, configuration = count_from(tmp_path), tmp_path / "config.yaml"
    arguments = (api.kubeconfig(tmp_path), ledger, configuration, tmp_path / "said")
    chance = random.Random(7)
    runs = within = 0
    with http_sink() as sink:
        configuration.write_text(f"cdevents: {{url: '{sink.url}', source: /ci}}\n")
        for number in range(KILLS + 1):
            sink.usual = 503 if number % 3 == 1 and number < KILLS else 202
            place, most = PLACES[number % len(PLACES)] if number < KILLS else ("", 1)
            exporter = forks.Process(
                target=run_until_killed, args=(*arguments, place, chance.randint(1, most))
            )
            exporter.start()
            if number == KILLS:
                break
            for _ in range(2):
                played = (
                    green_run(f"r{runs}", START + runs, LOGS)
                    if runs % 3
                    else history(f"r{runs}", START + runs, FAILED, LOGS)
                )
                put(api, played)
                runs += 1
            end = time.monotonic() + 20
            while exporter.is_alive() and total(ledger, "hookline_runs_total") < runs:
                assert time.monotonic() < end, (tmp_path / "said").read_text()
                time.sleep(0.01)
            # Where it had less to do than was thought, it dies while it delivers.
            exporter.join(chance.uniform(0, 0.2))
            within += not exporter.is_alive()
            exporter.kill()
            exporter.join(20)
        assert within > KILLS / 2, "most of them died in the ledger"
        failed = len(range(0, runs, 3))
        attempts = failed * len(FAILED) + (runs - failed) * len(STEPS)
        try:
            end = time.monotonic() + 30
            while total(ledger, "hookline_runs_total") < runs or len(sink.taken) < runs + attempts:
                assert time.monotonic() < end, (tmp_path / "said").read_text()
                time.sleep(0.05)
        finally:
            exporter.kill()
            exporter.join(20)
    assert total(ledger, "hookline_runs_total") == runs
    assert total(ledger, "hookline_step_attempts_total") == attempts
    assert total(ledger, "hookline_observations_lost_total") == 0
    assert total(ledger, "hookline_cache_requests_total") == runs
    # Every fact arrived, at least once each, under an id of its own.
    assert len([each for each in sink.taken if each.startswith("run/")]) == runs
    assert len([each for each in sink.taken if each.startswith("attempt/")]) == attempts


def test_a_process_that_runs_for_weeks_collects_its_garbage() -> None:
    code = "import gc; gc.disable()\nfrom hookline.command_line.exporter_options import stop_signal\nstop_signal(); print(gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "True\n"


def test_a_second_instance_waits_and_takes_over(
    api: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: list[ExporterThread]
) -> None:
    monkeypatch.setattr("runs.exporter.instance.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("runs.exporter.instance.Lease", functools.partial(Lease, seconds=0.5))
    kubeconfig, ledger, lease = api.kubeconfig(tmp_path), count_from(tmp_path), ("ci", "hookline-exporter")
    for name in ("first", "second"):
        threads.append(ExporterThread(kubeconfig, ledger=ledger, lease=lease, identity=name))
        threads[0].until(lambda: threads[0].value("hookline_leader") == 1)
    first, second = threads
    api.give_lease("hookline-exporter", "another")
    assert second.value("hookline_leader") == 0
    with pytest.raises(urllib.error.HTTPError) as refused:
        second.get("/runs")
    assert refused.value.code == 503
    refused.value.close()
    assert "healthy" in second.get("/-/healthy")
    # The one that lost it to another stops counting, and says so by how it ends.
    first.until(lambda: first.ended_well is False)
    api.give_lease("hookline-exporter", "")
    second.until(lambda: second.value("hookline_leader") == 1)
    assert second.stop() is True


def test_one_that_may_not_have_the_lease_is_not_ready_and_says_so(
    api: FakeApiServer, tmp_path: Path, threads: list[ExporterThread]
) -> None:
    api.fail("lease", *[status(403, "Forbidden")] * 200)
    threads.append(ExporterThread(api.kubeconfig(tmp_path), lease=("ci", "hookline-exporter")))
    threads[0].until(lambda: "get leases in namespace ci: Forbidden: 403" in ready_text(threads[0]))


def test_an_api_server_that_refuses_makes_it_unready_and_is_told(
    api: FakeApiServer, tmp_path: Path, threads: list[ExporterThread]
) -> None:
    for request in ("list", "watch"):
        api.fail(request, *[status(403, "Forbidden")] * 200)
    threads.append(ExporterThread(api.kubeconfig(tmp_path)))
    told = "not ready: list workflows in all namespaces: Forbidden: 403"
    threads[0].until(lambda: told in ready_text(threads[0]))
    threads[0].until(lambda: any(each.name == "hookline_list_errors_total" for each in threads[0].samples()))
    assert (threads[0].value("hookline_api_requests_failing") or 0) > 0


def ready_text(exporter: ExporterThread) -> str:
    try:
        return exporter.get("/-/ready")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.read().decode()


def run_cli(*arguments: str) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--kubeconfig", "/nonexistent"), 3, "kubeconfig: "),
        (("--listen", "nowhere"), 2, "write HOST:PORT"),
        (("--lease", "x", "--kubeconfig", "/nonexistent"), 2, "write NAMESPACE/NAME"),
        (("-f", "/nonexistent.yaml"), 2, "nonexistent.yaml"),
    ],
)
def test_wrong_settings_end_it_with_one_message(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run_cli("exporter", *arguments)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert message in done.stderr


def test_a_file_that_is_no_ledger_is_refused_and_stays(api: FakeApiServer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("no database\n" * 100)
    kubeconfig = str(api.kubeconfig(tmp_path))
    done = run_cli("exporter", "--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--ledger", str(path))
    assert done.exit_code == 2
    assert "file is not a database" in done.stderr
    assert path.read_text() == "no database\n" * 100


@pytest.mark.parametrize("command", ["exporter", "replay"])
def test_an_address_in_use_is_refused(api: FakeApiServer, tmp_path: Path, command: str) -> None:
    kubeconfig = ("--kubeconfig", str(api.kubeconfig(tmp_path)))
    arguments = {"exporter": kubeconfig, "replay": (str(ROOT / "hookline/demo_data/day.zip"),)}[command]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_cli(command, *arguments, "--listen", address)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: --listen {address}: ")
    assert "in use" in done.stderr


def test_a_fan_out_is_seen_while_it_goes_on_and_after_its_end_and_in_a_recording(
    api: FakeApiServer, tmp_path: Path
) -> None:
    *going, ended = fan_out_history(order_bytes=ORDER_BYTES)
    exporter = Process(api, tmp_path, "--ledger", str(count_from(tmp_path)))
    where = {"namespace": "ci", "source": "registry"}
    for raw in going:
        api.store("workflows", raw)
    exporter.until(lambda: exporter.value("hookline_fan_out_runs_waiting", **where) == 150)
    assert "150 of 300 done, 150 wait" in exporter.get("/fan-outs")
    api.store("workflows", ended)
    exporter.until(lambda: exporter.value("hookline_fan_outs_total", **where, outcome="success") == 1)
    assert exporter.value("hookline_fan_out_runs_total", **where, result="started") == 300
    assert exporter.value("hookline_fan_out_runs_waiting", **where) is None
    assert "300: 300 started" in exporter.get("/fan-outs/fan-out-base-go-f")
    lines = {line for line in exporter.get("/metrics").splitlines() if line.startswith("hookline_fan_out")}
    assert exporter.stop() == 0
    recording = tmp_path / "recording"
    done = run_cli("record", str(recording), "--kubeconfig", str(api.kubeconfig(tmp_path)), "--seconds", "1")
    assert done.exit_code == 0, done.stderr
    replayed = run_cli("replay", str(recording)).stdout.splitlines()
    assert {line for line in replayed if line.startswith("hookline_fan_out")} == lines
    assert len(gzip.decompress((recording / "changes.jsonl.gz").read_bytes())) < ORDER_BYTES


def test_a_recording_of_a_cluster_replays_to_the_same_numbers(
    api: FakeApiServer, tmp_path: Path, threads: list[ExporterThread]
) -> None:
    put(api, green_run("a", START, LOGS))
    put(api, history("b", START + 60, FAILED, LOGS))
    kubeconfig = api.kubeconfig(tmp_path)
    threads.append(ExporterThread(kubeconfig, ledger=count_from(tmp_path)))
    threads[0].until(lambda: (threads[0].value("hookline_ledger_runs") or 0) == 2)
    lines = {line for line in threads[0].get("/metrics").splitlines() if line.startswith("hookline_step_")}
    recording = tmp_path / "recording"
    done = run_cli("record", str(recording), "--kubeconfig", str(kubeconfig), "--seconds", "1")
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    replayed = run_cli("replay", str(recording))
    assert replayed.exit_code == 0
    assert {line for line in replayed.stdout.splitlines() if line.startswith("hookline_step_")} == lines
    assert len(lines) > 50
    again = run_cli("record", str(recording), "--kubeconfig", str(kubeconfig))
    assert (again.exit_code, "is not empty" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file; a recording needs it"),
        (b"not gzip", "Not a gzipped file"),
        (b'{"at": 1}\n', ":1: `resource` is not one of workflows, pods, events"),
        (b'{"type": "ADDED", "resource": "pods"}\n', ":1: `at` is not a time in Unix seconds"),
        (b"{]\n", ":1: the line is not JSON"),
    ],
)
def test_a_folder_that_is_no_recording_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        written = content if content == b"not gzip" else gzip.compress(content)
        (tmp_path / "changes.jsonl.gz").write_bytes(written)
    done = run_cli("replay", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_changed_configuration_counts_soon_and_a_wrong_one_is_told(
    api: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: list[ExporterThread]
) -> None:
    monkeypatch.setattr("runs.exporter.instance.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("runs.exporter.instance.RELOAD_SECONDS", 0.05)
    configuration = tmp_path / "config.yaml"
    configuration.write_text("adopt: []\n")
    threads.append(
        ExporterThread(api.kubeconfig(tmp_path), ledger=count_from(tmp_path), configuration=configuration)
    )
    exporter, reloaded = threads[0], "hookline_config_last_reload_success_timestamp_seconds"
    exporter.until(exporter.ready)
    before = exporter.value(reloaded) or 0
    configuration.write_text("adopt: [shop]\n")
    exporter.until(lambda: (exporter.value(reloaded) or 0) > before)
    put(api, green_run("a", START, labels={}, annotations={}))
    labels = TEAM | {"pipeline": "shop", "event": "manual", "outcome": "success"}
    exporter.until(lambda: exporter.value("hookline_runs_total", **labels) == 1)
    configuration.write_text("adpt: [shop]\n# wrong")
    exporter.until(lambda: exporter.value("hookline_config_last_reload_successful") == 0)
