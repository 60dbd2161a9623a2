"""How long a scrape takes, and a start with a large ledger: the exporter's own figures, without a cluster."""

import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import orjson
from prometheus_client import CollectorRegistry

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from api_objects import START, green_run
from fan_out_histories import ORDER_BYTES, fan_out_history

from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, records
from runs.exporter.ledger import Ledger, Observation
from runs.exporter.live import Live
from runs.exporter.measuring_rules import make_rules
from runs.exporter.own_collector import OwnMetrics
from runs.exporter.prices import BUILT_IN
from runs.exporter.service import render_metrics
from runs.history import Run

SCRAPES = 200
FAN_OUTS = 200
RUNS = 100_000


def counted(pipelines: int) -> Counting:
    """A run of each pipeline; 25 pipelines have one owner."""
    ledger = Ledger(None, 0.0, count_from=0.0)
    counting = Counting(ledger, make_rules(Configuration(max_pipelines=100_000), ledger))
    counting.apply([Change(each, "synced") for each in RESOURCES], START)
    for number in range(pipelines):
        count_one(counting, number, number)
    return counting


def count_one(counting: Counting, number: int, place: int) -> None:
    """One more run of the pipeline at this place."""
    keep = records(["ci-go-v1"])
    pipeline = f"pipeline-{place}"
    labels = {
        "hookline.dev/pipeline": pipeline,
        "hookline.dev/owner": f"team-{place // 25}",
        "hookline.dev/event-kind": "push",
    }
    changes = [
        Change(resource, "changed", keep[resource](raw))
        for resource, _, raw in green_run(f"{pipeline}-{number}", START + number, labels=labels).changes()
    ]
    _, requests = counting.apply(changes, START + number)
    counting.apply([Change("logs", "read", uid=each.uid, result="gone") for each in requests], START + number)


def scrapes(pipelines: int) -> None:
    """A scrape after each run that is counted."""
    counting = counted(pipelines)
    live = Live(version="bench", prices=BUILT_IN)
    process = CollectorRegistry()
    for zipped in (False, True):
        seconds, size = [], 0
        for number in range(SCRAPES):
            count_one(counting, 1_000_000 + number + SCRAPES * zipped, number % pipelines)
            began = time.perf_counter()
            size = len(render_metrics(counting.ledger, live, process, "", zipped=zipped)[0])
            seconds.append(time.perf_counter() - began)
        p50, p99 = statistics.median(seconds), sorted(seconds)[int(SCRAPES * 0.99) - 1]
        name = "gzip" if zipped else "plain"
        print(  # noqa: T201
            f"  scrape {name:5} {pipelines:5} pipelines {live.series:7,} series {size / 1e6:6.1f} MB"
            f"   p50 {p50 * 1000:6.1f} ms   p99 {p99 * 1000:6.1f} ms"
        )


def fan_outs() -> None:
    """What a change of a fan-out costs, with the largest order that there is; and a scrape after each that ends, with as many sources as have series."""
    ledger = Ledger(None, 0.0, count_from=0.0)
    counting = Counting(ledger, make_rules(Configuration(), ledger))
    counting.apply([Change(each, "synced") for each in RESOURCES], START)
    keep = records(["ci-go-v1"])["workflows"]
    history = fan_out_history(runs=1000, order_bytes=ORDER_BYTES)
    lines = [orjson.dumps(raw) for raw in history]
    began = time.perf_counter()
    for _ in range(FAN_OUTS):
        for line in lines:
            keep(orjson.loads(line))
    read = (time.perf_counter() - began) / FAN_OUTS / len(lines)
    live = Live(version="bench", prices=BUILT_IN)
    own = CollectorRegistry()
    own.register(OwnMetrics(live, lambda: ledger))
    counted, seconds = [], []
    for number in range(FAN_OUTS):
        source = {"hookline.dev/source": f"registry-{number % 100}"}
        found = [keep(raw) for raw in fan_out_history(f"f{number}", START + number, 1000, labels=source)]
        began = time.perf_counter()
        for record in found:
            counting.apply([Change("workflows", "changed", record)], START + number)
            live.waiting = counting.waiting()
        counted.append(time.perf_counter() - began)
        began = time.perf_counter()
        render_metrics(ledger, live, own, "", zipped=False)
        seconds.append(time.perf_counter() - began)
    print(  # noqa: T201
        f"  fan-out of 1,000 runs: a change of {len(lines[-1]) / 1e6:.1f} MB is read in {read * 1000:.2f} ms, all of its changes are counted in "
        f"{statistics.median(counted) * 1000:.2f} ms; scrape of 100 sources {live.series:,} series p50 {statistics.median(seconds) * 1000:.2f} ms"
    )


def large_ledger() -> None:
    """Start, and a page, with many runs in the ledger."""
    run = Run(
        "u", "ci", "shop-0", "shop", "push", "success", 1.0, 1.0, 2.0, ref="refs/heads/main", sha="3f1c" * 10
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger(path, 0.0, count_from=0.0)
        began = time.perf_counter()
        for first in range(0, RUNS, 1000):
            ledger.commit(
                Observation(
                    f"run/{number}",
                    2.0 + number,
                    (),
                    run=replace(run, uid=f"u{number}", finished=2.0 + number),
                )
                for number in range(first, first + 1000)
            )
        filled = time.perf_counter() - began
        size = ledger.size()[0]
        ledger.close()
        began = time.perf_counter()
        Ledger(path, 0.0).open_runs()
        started = time.perf_counter() - began
    print(  # noqa: T201
        f"  ledger {RUNS:,} runs: {size / 1e6:.0f} MB, filled at {RUNS / filled:,.0f} a second, start {started:.3f} s"
    )


def main() -> None:
    """Print the figures."""
    print("exporter")  # noqa: T201
    for pipelines in (200, 1000):
        scrapes(pipelines)
    fan_outs()
    large_ledger()


if __name__ == "__main__":
    main()
