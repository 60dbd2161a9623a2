"""The whole exporter as a process over an API server: it counts once, also when it is killed, and one at a time."""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from api_objects import START, STEPS, History, green_run, history
from exporter_process import ExporterProcess
from fake_api_server import FakeApiServer, fake_api_server, status
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from support import ROOT

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
    return sum(float(value) for (value,) in rows)


def test_it_counts_what_it_sees_and_shows_it(api: FakeApiServer, tmp_path: Path) -> None:
    put(api, green_run("a", START, LOGS))
    exporter = Process(api, tmp_path, "--ledger", str(count_from(tmp_path)))
    labels = {"pipeline": "shop", "event": "push", "outcome": "success"}
    exporter.until(lambda: exporter.value("hookline_runs_total", **labels) == 1)
    put(api, history("b", START + 60, FAILED, LOGS))
    labels["outcome"] = "failure"
    exporter.until(lambda: exporter.value("hookline_runs_total", **labels) == 1)
    assert exporter.value("hookline_cache_hits_total", pipeline="shop", cache="git_checkout") == 2
    assert exporter.value("hookline_log_reads_total", step="run-test", result="gone") == 2
    assert exporter.ready()
    assert "shop-a" in exporter.get("/runs")
    assert "3f1c3f1c" in exporter.get("/runs/ci/shop-b")
    text = exporter.get("/metrics", Accept="application/openmetrics-text")
    exemplars = [
        sample.exemplar for family in read_openmetrics(text) for sample in family.samples if sample.exemplar
    ]
    assert {"workflow": "shop-a"} in [exemplar.labels for exemplar in exemplars]
    assert exporter.value("process_cpu_seconds_total") is not None
    assert exporter.stop() == 0


def test_a_hundred_kills_lose_and_double_nothing(api: FakeApiServer, tmp_path: Path) -> None:
    """Killed (SIGKILL) again and again, while runs end; starts overlap the next run."""
    rounds = int(os.environ.get("HOOKLINE_KILLS", "12"))
    ledger = count_from(tmp_path)
    chance = random.Random(7)
    runs = 0
    for _ in range(rounds):
        exporter = Process(api, tmp_path, "--ledger", str(ledger))
        for _ in range(5):
            played = (
                green_run(f"r{runs}", START + runs, LOGS)
                if runs % 3
                else history(f"r{runs}", START + runs, FAILED, LOGS)
            )
            put(api, played)
            runs += 1
        time.sleep(chance.uniform(0, 0.4))
        exporter.stop(signal.SIGKILL)
    exporter = Process(api, tmp_path, "--ledger", str(ledger))
    exporter.until(lambda: total(ledger, "hookline_runs_total") >= runs)
    assert exporter.stop() == 0
    failed = len(range(0, runs, 3))
    assert total(ledger, "hookline_runs_total") == runs
    assert total(ledger, "hookline_step_attempts_total") == failed * len(FAILED) + (runs - failed) * len(
        STEPS
    )
    assert total(ledger, "hookline_observations_lost_total") == 0
    assert total(ledger, "hookline_cache_requests_total") == runs


def test_a_process_that_runs_for_weeks_collects_its_garbage() -> None:
    code = "import gc; gc.disable()\nfrom hookline.command_line.exporter_options import stop_signal\nstop_signal(); print(gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "True\n"


def test_a_second_instance_waits_and_takes_over(api: FakeApiServer, tmp_path: Path) -> None:
    arguments = ("--ledger", str(count_from(tmp_path)), "--lease", "ci/hookline-exporter")
    first = Process(api, tmp_path, *arguments)
    first.until(lambda: first.value("hookline_leader") == 1)
    second = Process(api, tmp_path, *arguments)
    api.leases["hookline-exporter"]["spec"]["holderIdentity"] = "another"
    second.until(lambda: second.value("hookline_leader") == 0)
    with pytest.raises(urllib.error.HTTPError) as refused:
        second.get("/runs")
    assert refused.value.code == 503
    refused.value.close()
    assert "healthy" in second.get("/-/healthy")
    # The one that lost it to another stops counting, and says so by its exit.
    first.until(lambda: first.process.poll() is not None)
    assert first.stop() == 1
    api.leases["hookline-exporter"]["spec"]["holderIdentity"] = ""
    second.until(lambda: second.value("hookline_leader") == 1)
    assert second.stop() == 0


def test_an_api_server_that_refuses_makes_it_unready_and_is_told(api: FakeApiServer, tmp_path: Path) -> None:
    for request in ("list", "watch"):
        api.fail(request, *[status(403, "Forbidden")] * 200)
    exporter = Process(api, tmp_path)
    exporter.until(lambda: any("forbidden" in line for line in exporter.get("/metrics").splitlines()))
    with pytest.raises(urllib.error.HTTPError) as refused:
        exporter.get("/-/ready")
    assert refused.value.read().startswith(b"not ready: ")
    refused.value.close()
    assert exporter.stop() == 0


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hookline", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


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
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_ledger_is_refused_and_stays(api: FakeApiServer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("no database\n" * 100)
    exporter = Process(api, tmp_path, "--ledger", str(path))
    assert exporter.process.wait(20) == 2
    assert "file is not a database" in exporter.said
    assert path.read_text() == "no database\n" * 100


def test_an_address_in_use_is_refused(api: FakeApiServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_cli("replay", str(ROOT / "tests"), "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 2


def test_the_manifests_give_least_rights_and_no_root(tmp_path: Path) -> None:
    import yaml

    done = run_cli("exporter", "-n", "ci", "--manifests", "registry.example.com/hookline:1")
    objects: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}
    assert list(objects) == [
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
        "ServiceMonitor",
    ]
    verbs = {
        verb
        for rule in objects["Role"]["rules"]
        for verb in rule["verbs"]
        if "leases" not in rule["resources"]
    }
    assert verbs == {"get", "list", "watch"}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert objects["ServiceMonitor"]["metadata"]["annotations"] == {"arms.prometheus.io/discovery": "true"}


def test_a_recording_of_a_cluster_replays_to_the_same_numbers(api: FakeApiServer, tmp_path: Path) -> None:
    put(api, green_run("a", START, LOGS))
    put(api, history("b", START + 60, FAILED, LOGS))
    exporter = Process(api, tmp_path, "--ledger", str(count_from(tmp_path)))
    exporter.until(lambda: (exporter.value("hookline_ledger_runs") or 0) == 2)
    lines = {line for line in exporter.get("/metrics").splitlines() if line.startswith("hookline_step_")}
    exporter.stop()
    recording = tmp_path / "recording"
    done = run_cli("record", str(recording), "--kubeconfig", str(tmp_path / "kubeconfig"), "--seconds", "2")
    assert (done.returncode, done.stdout) == (0, "")
    replayed = run_cli("replay", str(recording))
    assert replayed.returncode == 0
    assert {line for line in replayed.stdout.splitlines() if line.startswith("hookline_step_")} == lines
    assert len(lines) > 50
    again = run_cli("record", str(recording), "--kubeconfig", str(tmp_path / "kubeconfig"))
    assert (again.returncode, "is not empty" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"not gzip", "Not a gzipped file"),
        (b'{"at": 1}\n', ":1: no change of workflows, pods, events"),
        (b'{"type": "ADDED", "resource": "pods"}\n', ":1: `at` is no time"),
        (b"{]\n", "a line is no JSON"),
    ],
)
def test_a_folder_that_is_no_recording_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    import gzip

    if content is not None:
        written = content if content == b"not gzip" else gzip.compress(content)
        (tmp_path / "changes.jsonl.gz").write_bytes(written)
    done = run_cli("replay", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_changed_configuration_counts_soon_and_a_wrong_one_is_told(
    api: FakeApiServer, tmp_path: Path
) -> None:
    configuration = tmp_path / "config.yaml"
    configuration.write_text("adopt: []\n")
    exporter = Process(api, tmp_path, "--ledger", str(count_from(tmp_path)), "--config", str(configuration))
    exporter.until(exporter.ready)
    before = exporter.value("hookline_config_last_reload_success_timestamp_seconds") or 0
    configuration.write_text("adopt: [shop]\n")
    exporter.until(
        lambda: (exporter.value("hookline_config_last_reload_success_timestamp_seconds") or 0) > before
    )
    put(api, green_run("a", START, labels={}, annotations={}))
    labels = {"pipeline": "shop", "event": "manual", "outcome": "success"}
    exporter.until(lambda: exporter.value("hookline_runs_total", **labels) == 1)
    configuration.write_text("adpt: [shop]\n# wrong")
    exporter.until(lambda: exporter.value("hookline_config_last_reload_successful") == 0)
