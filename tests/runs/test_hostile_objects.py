"""Whatever objects come before it, a good run is counted, and what is served is finite."""

import math
from typing import Any

from api_objects import START, bid_failed, ended, green_run, node, notice, pod, running, with_status, workflow
from fan_out_histories import fan_out_history
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, parse_log, records
from runs.exporter.ledger import Ledger
from runs.exporter.measuring_rules import make_rules

SPOT = {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}
OUTPUTS = {"parameters": [{"name": "image-cache-metrics", "value": '{"user_cacheable": 1, "miss": 1}'}]}


def objects() -> list[tuple[str, Any]]:
    """A run that failed, its pods, a notice."""
    run = workflow("h", START)
    first = running(pod(run, "run-test", START, annotations=SPOT), START + 1, START + 2)
    second = running(pod(run, "build-push-image", START, annotations=SPOT), START + 1, START + 2)
    nodes = [
        node("shop-h", "run-test", "Failed", START, START + 9, message="main: Error (exit code 1)"),
        node(
            "shop-h",
            "build-push-image",
            "Succeeded",
            START,
            START + 9,
            outputs=OUTPUTS,
            memoizationStatus={"hit": False},
        ),
    ]
    return [
        ("pods", ended(first, START + 9, 1)),
        ("pods", bid_failed(first, START + 9)),
        ("pods", ended(second, START + 9)),
        ("events", notice(first)),
        ("workflows", with_status(run, "Failed", START, START + 10, nodes)),
        *(("workflows", fan_out_history(end="killed", release=release)[-1]) for release in ("3.7", "4.0")),
    ]


OBJECTS = objects()
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 2**31, 10**308, 1e308, "", "9" * 400, f"{'9' * 400}-1Gi", "9999-12-31T23:59:59Z", "2000-01-01T00:00:00Z",
     "2099-12-31T23:59:59+23:59", "1" * 60, [], {}, [{}], {"x": []}, "Succeeded", "Pending", "Skipped", "\x00\x1b[31m\u2028",
     '{"user_cacheable": 1e308, "miss": 1}', '{"user_cacheable": ' + "9" * 400 + ', "miss": 1}', "[" * 5000]
)  # fmt: skip


def places(raw: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    return [path, *(each for key, value in children for each in places(value, (*path, key)))]


def changed(raw: Any, path: tuple[Any, ...], value: Any) -> Any:
    copy = dict(raw) if isinstance(raw, dict) else list(raw)
    copy[path[0]] = value if len(path) == 1 else changed(raw[path[0]], path[1:], value)
    return copy


@settings(max_examples=tries(250))
@given(data=st.data())
def test_no_sequence_of_objects_keeps_a_good_run_from_being_counted(data: st.DataObject) -> None:
    ledger = Ledger(None, START, count_from=START - 1)
    configuration = Configuration()
    counting = Counting(ledger, make_rules(configuration, ledger))
    keep = records(configuration.templates)

    def apply(changes: list[Change], now: float) -> None:
        _, requests = counting.apply(changes, now)
        while requests:
            logs = [(each, *parse_log(each, b"Start Go Test...\n", cut=False)) for each in requests]
            _, requests = counting.apply(
                [Change("logs", "read", uid=each.uid, log=log, result=result) for each, log, result in logs],
                now,
            )

    def give(resource: str, kind: str, raw: Any) -> None:
        record = keep[resource](raw)
        if record is not None:
            apply([Change(resource, "deleted" if kind == "DELETED" else "changed", record)], START + 100)

    for _ in range(data.draw(st.integers(1, 8))):
        resource, raw = data.draw(st.sampled_from(OBJECTS))
        path = data.draw(st.sampled_from(places(raw)[1:]))
        give(resource, data.draw(st.sampled_from(["ADDED", "DELETED"])), changed(raw, path, data.draw(ODD)))
    for resource, kind, raw in green_run("good", START + 1000).changes():
        give(resource, kind, raw)
    apply([Change(each, "synced") for each in RESOURCES], START + 2000)
    apply([], START + 3000)
    found = ledger.run("ci", "shop-good")
    assert found is not None
    assert (found.outcome, len(found.attempts)) == ("success", 3)
    values = [
        line.rpartition(b" ")[2] for line in ledger.exposition().splitlines() if not line.startswith(b"#")
    ]
    assert all(math.isfinite(float(each)) for each in values)
    ledger.close()
