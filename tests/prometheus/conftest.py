"""A real Prometheus with a generated week in it: recorded runs, told again, measured by the exporter's own code.

What the exporter says of itself is a scrape of the real process; what Argo Events says is one of the cluster test.
"""

import gzip
import json
import math
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import api_objects
import pytest
from exporter_process import ExporterProcess
from fake_api_server import fake_api_server, status
from fan_out_histories import fan_out, fan_out_history
from recorded_days import Told, days, write
from support import ROOT

from runs.exporter.configuration import read_configuration
from runs.exporter.counting import Counting
from runs.exporter.ledger import Ledger
from runs.exporter.measuring_rules import make_rules
from runs.exporter.metrics import FAMILIES
from runs.exporter.recording import replay

DEMO = ROOT / "hookline/demo_data"
SCRAPES = ROOT / "tests/data/scrapes"
BEGIN = date(2026, 11, 16)
DAYS = 7
STEP = 1200
FINE_STEP = 240
"""Of the few series of others, whose queries look ten minutes back."""
START = datetime(2026, 11, 16, tzinfo=UTC).timestamp()
END = START + DAYS * 86_400
KNOWN = Told("green-full", 100_000, START + 3 * 86_400, 10.0, "known", "push", "refs/heads/main", "alice")
"""One run, computed by hand in the tests."""
HOSTILE = Told(
    "green-full", 100_001, START + 4 * 86_400, 10.0, 'x"} or vector(1) #\\', "push", "refs/heads/main", "eve"
)
"""A pipeline whose name is meant to break queries."""
WEEK = (*days(BEGIN, DAYS, 40, seed=3), KNOWN, HOSTILE)


def _replayed(folder: Path) -> Iterator[str]:
    """Scrapes of the week, with times."""
    write(folder, WEEK)
    _report_more(folder / "changes.jsonl.gz")
    _fan_out(folder / "changes.jsonl.gz")
    configuration = read_configuration(DEMO / "exporter.yaml")
    ledger = Ledger(None, 0.0, count_from=0.0)
    counting = Counting(ledger, make_rules(configuration, ledger))
    scrape = START
    for now, _ in replay(folder, counting, configuration.templates, configuration.log_limit_bytes):
        while now > scrape < END:
            yield from _timed(ledger.exposition(openmetrics=False).decode(), scrape)
            scrape += STEP
    while scrape <= END:
        yield from _timed(ledger.exposition(openmetrics=False).decode(), scrape)
        scrape += STEP


def _report_more(changes: Path) -> None:
    """One pipeline's template reports what the stock one does not: needed modules, memoized nodes."""
    lines = [json.loads(line) for line in gzip.decompress(changes.read_bytes()).splitlines()]
    for line in lines:
        labels = line.get("object", {}).get("metadata", {}).get("labels", {})
        if line["resource"] == "workflows" and labels.get("hookline.dev/pipeline") == "gateway":
            for node in line["object"].get("status", {}).get("nodes", {}).values():
                if node.get("displayName") == "run-test":
                    node["outputs"] = {"parameters": [{"name": "go-modules-needed", "value": "12"}]}
                    node["memoizationStatus"] = {"hit": True, "key": "k", "cacheName": "c"}
    changes.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))


def _fan_out(changes: Path) -> None:
    """Fan-outs of some days: one of each end."""
    lines = [json.loads(line) for line in gzip.decompress(changes.read_bytes()).splitlines()]
    for number, end in enumerate(("success", "refused", "killed", "lost", "stopped", "success")):
        begins = START + (number + 0.5) * 86_400
        history = fan_out_history(f"f{number}", begins, end=end)
        lines += [
            # Hours apart, so that a scrape lies between.
            {"at": begins + 7200 * place, "resource": "workflows", "type": "MODIFIED", "object": raw}
            for place, raw in enumerate(history)
        ]
    lines.sort(key=lambda line: float(line["at"]))
    changes.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))


def _timed(text: str, when: float, job: str = "hookline", namespace: str = "") -> Iterator[str]:
    """A scrape as Prometheus keeps it: with the labels of its target, and a time."""
    target = f'job="{job}"' + (f',namespace="{namespace}"' if namespace else "")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, brace, rest = line.partition("{")
            if not brace:
                name, _, value = line.partition(" ")
                rest = f"}} {value}"
            separator = "" if rest.startswith("}") else ","
            yield f"{name}{{{target}{separator}{rest} {int(when)}"


def _exporter_scrapes(folder: Path) -> tuple[str, str]:
    """What the real process says of itself: at its start, and after some faults, a lost run and a CDEvent that nobody takes."""
    (folder / "config.yaml").write_text('cdevents: {url: "http://127.0.0.1:9/"}\nmax_pipelines: 1\n')
    with fake_api_server() as api:
        api.fail("watch", status(500))  # of the first, streamed list
        declaration = str(DEMO / "hookline.yaml")
        options = (
            *("--config", str(folder / "config.yaml"), "--file", declaration),
            *("--ledger", str(folder / "ledger.db")),
        )
        with ExporterProcess(api.kubeconfig(folder), folder, *options) as process:
            process.until(process.ready)
            first = process.get("/metrics")
            now = time.time()
            api.store("workflows", api_objects.workflow("goes-on", now))
            api.store("workflows", fan_out("goes-on-too", now))
            for number, pipeline in enumerate(("shop", "one-too-many")):
                labels = {"hookline.dev/pipeline": pipeline, "hookline.dev/event-kind": "push"}
                run = api_objects.green_run(f"run-{number}", now, labels=labels)
                for resource, _, raw in run.changes():
                    api.store(resource, raw)
            process.until(lambda: process.value("hookline_ledger_runs") == 2)
            api.fail("watch", status(500))
            api.end_watches()
            process.until(
                lambda: any(each.name == "hookline_watch_errors_total" for each in process.samples())
            )
            process.until(
                lambda: process.value(
                    "hookline_schedule_next_timestamp_seconds",
                    namespace="ci",
                    owner="team-octo",
                    pipeline="hello-world",
                )
            )
            second = process.get("/metrics")
    return first, second


def _name(line: str) -> str:
    return line.partition("{")[0]


def _late(when: float) -> bool:
    """In the last day: what comes then is new there."""
    return when > END - 86_400 / 2


@dataclass(frozen=True)
class Prometheus:
    """The server."""

    url: str

    def _ask(self, path: str, **parameters: Any) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=60) as answer:  # noqa: S310
            return json.load(answer)["data"]["result"]

    def at_end(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series at the end of the week; those that are no number are left out."""
        found = self._ask("query", query=expression, time=END)
        values = [(each["metric"], float(each["value"][1])) for each in found]
        return [each for each in values if not math.isnan(each[1])]

    def over_the_week(self, expression: str) -> list[float]:
        """All values, hour by hour, that are numbers."""
        found = self._ask("query_range", query=expression, start=START, end=END, step=3600)
        values = [float(value) for each in found for _, value in each["values"]]
        return [each for each in values if not math.isnan(each)]


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Started once; a machine without Prometheus fails the tests."""
    for program in ("prometheus", "promtool"):
        assert shutil.which(program), f"no {program} here; install it (Debian package prometheus)"
    folder = tmp_path_factory.mktemp("prometheus")
    first, second = _exporter_scrapes(folder)
    own = {name for name, family in FAMILIES.items() if not family.kept} | {"hookline_label_overflow_total"}
    lines = [line for line in _replayed(folder / "week") if _name(line) not in own]
    for number in range(int((END - START) / STEP) + 1):
        when = START + number * STEP
        said = second if _late(when) else first
        lines += [line for line in _timed(said, when) if _name(line) in own or line.startswith("process_")]
    for number in range(int((END - START) / FINE_STEP) + 1):
        when = START + number * FINE_STEP
        for path in SCRAPES.glob("argo-events-*-2.txt" if _late(when) else "argo-events-*-1.txt"):
            lines += _timed(path.read_text(), when, "argo-events")
        if _late(when):
            lines += _timed((SCRAPES / "written-by-hand.txt").read_text(), when, "written-by-hand")
            waiting = (SCRAPES / "nats-exporter-waiting.txt").read_text()
            lines += _timed(waiting, when, "nats-exporter", "scrapes")
    text = folder / "week.txt"
    text.write_text("\n".join(lines) + "\n# EOF\n")
    data = folder / "data"
    subprocess.run(
        [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--max-block-duration=240h",
            "-q",
            str(text),
            str(data),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "prometheus.yaml").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                "prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=100y", f"--web.listen-address={address}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        end = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(f"http://{address}/-/ready", timeout=10)
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.1)
        yield Prometheus(f"http://{address}")
    finally:
        server.terminate()
        server.wait(120)
