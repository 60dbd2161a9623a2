"""Whatever bytes an API server's objects are made of, a later good run is counted: over HTTP, through lists and watches."""

import base64
import itertools
import re
import time
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from api_objects import START, STEPS, ended, green_run, node, pod, running, with_status, workflow
from exporter_process import ExporterProcess, wait_less
from fake_api_server import FakeApiServer, fake_api_server
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tries import tries

from apiserver.connection import Connection
from runs.exporter.configuration import Configuration
from runs.exporter.ledger import Ledger
from runs.exporter.live import Live
from runs.exporter.service import ClusterScope, Service

DEEP = b"[" * 1100 + b"]" * 1100
FAR = "9999-12-31T23:59:59Z"


def packed(begin: bytes, piece: bytes, times: int, end: bytes) -> bytes:
    """One gzip member of a text with a piece that repeats; the text itself is never whole in memory."""
    found = zlib.compressobj(1, wbits=31)
    return b"".join(map(found.compress, (begin, *itertools.repeat(piece, times), end))) + found.flush()


def hostile() -> Iterator[tuple[str, bytes]]:
    """Resource and bytes of objects that stopped the exporter once, and their neighbours."""
    run = workflow("h", START)
    spot = {
        "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo",
        "k8s.aliyun.com/eci-instance-spec": "9" * 400 + "-1Gi",
    }
    yield (
        "pods",
        orjson.dumps(
            ended(running(pod(run, "run-test", START, annotations=spot), START + 1, START + 2), START + 9)
        ),
    )
    huge = '{"user_cacheable": 1' + "0" * 308 + ', "miss": 1}'
    outputs = {"parameters": [{"name": "image-cache-metrics", "value": huge}]}
    nodes = [node("shop-h", "build-push-image", "Succeeded", START, START + 9, outputs=outputs)]
    yield "workflows", orjson.dumps(with_status(run, "Failed", START, START + 10, nodes))
    built = pod(run, "build-push-image", START)
    yield "pods", orjson.dumps(ended(running(built, START + 1, START + 2), START + 9))
    yield (
        "workflows",
        orjson.dumps(workflow("deep", START)).replace(b'"status":{', b'"status":{"a":' + DEEP + b",", 1),
    )
    yield (
        "pods",
        orjson.dumps(pod(workflow("deep", START), "run-test", START)).replace(
            b'"status":{', b'"status":{"a":' + DEEP + b",", 1
        ),
    )
    yield "workflows", orjson.dumps(workflow("text", START)).replace(b"shop-text", b"shop-\xff")
    for name, content in (
        ("zeros", packed(b'{"a":"', b"0" * 1_000_000, 100, b'"}')),
        ("many", packed(b'{"a":[', b"[]," * 90_000, 100, b"[]]}")),
        ("deep status", packed(b'{"a":', DEEP, 1, b"}")),
    ):
        yield (
            "workflows",
            orjson.dumps(
                workflow(
                    name,
                    START,
                    status={
                        "phase": "Succeeded",
                        "finishedAt": "2026-11-01T00:00:00Z",
                        "compressedNodes": base64.b64encode(content).decode(),
                    },
                )
            ),
        )
    late = {"phase": "Succeeded", "startedAt": FAR, "finishedAt": FAR}
    yield "workflows", orjson.dumps(workflow("late", START, status=late))
    stamp = {**workflow("s", START)["metadata"]["labels"], "events.argoproj.io/action-timestamp": "1" * 60}
    yield (
        "workflows",
        orjson.dumps(
            workflow(
                "stamp",
                START,
                labels=stamp,
                status={
                    "phase": "Succeeded",
                    "startedAt": "2026-11-01T00:00:00Z",
                    "finishedAt": "2026-11-01T00:00:00Z",
                },
            )
        ),
    )
    for odd in (b"[]", b"null", b'{"metadata": []}', b'{"metadata": {"uid": {}}}', b'"x"'):
        yield "events", odd
        yield "workflows", odd


@cache
def known() -> tuple[tuple[str, bytes], ...]:
    return tuple(hostile())


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with fake_api_server() as server:
        yield server


@pytest.fixture(autouse=True)
def short_pauses() -> Iterator[None]:
    with wait_less():
        yield


def test_no_known_object_keeps_a_process_from_counting(api: FakeApiServer, tmp_path: Path) -> None:
    api.streaming_lists = True
    objects = known()

    def spoil(part: str) -> None:
        for number, (resource, data) in enumerate(objects):
            api.spoil(resource, f"{part}-{number}", data)

    def good(name: str) -> None:
        for resource, _, raw in green_run(name, START + 60).changes():
            api.store(resource, raw)

    Ledger(tmp_path / "ledger.db", START - 1).close()
    spoil("listed")
    good("listed")
    ledger = str(tmp_path / "ledger.db")
    with ExporterProcess(api.kubeconfig(tmp_path), tmp_path, "--ledger", ledger) as exporter:
        exporter.until(lambda: "shop-listed" in exporter.get("/runs"), 60)
        spoil("watched")
        good("watched")
        exporter.until(lambda: "shop-watched" in exporter.get("/runs"), 60)
        assert exporter.ready()
        assert "9999" not in exporter.get("/runs")
        assert exporter.said.count("dropped what nobody can read") <= 3
        assert (exporter.value("process_resident_memory_bytes") or 0) < 400e6
        # Whoever starts anew meets the same objects, all of them in lists, and here in those of older API servers.
        exporter.kill()
        api.streaming_lists = False
        exporter.start()
        good("after")
        exporter.until(lambda: "shop-after" in exporter.get("/runs"), 60)
        assert exporter.stop() == 0


def seeds() -> list[tuple[str, bytes]]:
    run = workflow("h", START)
    nodes = [node("shop-h", step, "Succeeded", START, START + 9) for step in STEPS]
    pods = [ended(running(pod(run, step, START), START + 1, START + 2), START + 9) for step in STEPS]
    return [
        ("workflows", orjson.dumps(with_status(run, "Succeeded", START, START + 10, nodes))),
        *(("pods", orjson.dumps(each)) for each in pods),
    ]


SEEDS = seeds()
BITS = st.sampled_from(
    [b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"-", b"1e999", b"9" * 400, b"\xff", b"\x00", b"\n", b"\\", b"\\ud800", DEEP,
     b'"9999-12-31T23:59:59Z"', b"{}", b"[{}]", b"true"]
) | st.binary(max_size=8)  # fmt: skip


@st.composite
def spoiled(draw: Any) -> tuple[str, bytes]:
    resource, data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(data)))
        data = data[:begin] + draw(BITS) + data[begin + draw(st.integers(0, 30)) :]
    return resource, data


def balanced(data: bytes) -> bool:
    """Whether an object's quotes and brackets match: an API server writes what it has decoded before."""
    depth = 0
    for each in re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data, flags=re.DOTALL):
        depth += (each in b"[{") - (each in b"]}")
        if depth < 0 or each == ord('"') or (depth == 0 and each == ord(",")):
            return False
    return depth == 0


# Without shrinking: a failure takes as long as a test waits, and shrinking tries hundreds.
@settings(max_examples=tries(20), phases=[Phase.explicit, Phase.generate])
@given(
    listed=st.lists(spoiled().filter(lambda each: balanced(each[1])), max_size=6),
    watched=st.lists(spoiled(), max_size=6),
    streaming=st.booleans(),
)
def test_no_bytes_keep_a_good_run_from_being_counted(
    listed: list[tuple[str, bytes]], watched: list[tuple[str, bytes]], streaming: bool
) -> None:
    with fake_api_server() as api:
        api.streaming_lists = streaming
        for number, (resource, data) in enumerate(listed):
            api.spoil(resource, f"listed-{number}", data or b"0")
        ledger = Ledger(None, START, count_from=START - 1)
        service = Service(
            ClusterScope(Connection.plain(api.url), ("ci",)),
            Configuration(),
            ledger,
            Live("1", Configuration().price_list),
        )
        service.start()
        try:
            end = time.monotonic() + 30
            while service.not_ready(time.time()) is not None:
                assert time.monotonic() < end, service.not_ready(time.time())
                time.sleep(0.005)
            for number, (resource, data) in enumerate(watched):
                api.spoil(resource, f"watched-{number}", data or b"0")
            for resource, _, raw in green_run("good", START + 1000).changes():
                api.store(resource, raw)
            while (found := ledger.run("ci", "shop-good")) is None:
                assert time.monotonic() < end, (service.failed, service.statistics)
                time.sleep(0.005)
            assert (found.outcome, len(found.attempts)) == ("success", 3)
            assert service.failed is None
        finally:
            service.stop()
            api.end_watches()
            ledger.close()
