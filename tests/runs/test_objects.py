"""Any JSON object becomes a record or none: values beyond reason are absent, and never an exception."""

import base64
import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
from api_objects import START, ended, node, pod, running, with_status, workflow
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from apiserver.raw_values import EARLIEST, LATEST, unix
from runs.node_status import MAX_NODES, MAX_STATUS_BYTES, path_of
from runs.objects import notice_of, pod_of, workflow_of

TEMPLATES = frozenset({"ci-go-v1"})
HUGE = "9" * 400


def records(raw: Any) -> list[object]:
    return [workflow_of(raw, TEMPLATES), pod_of(raw), notice_of(raw)]


RUN = workflow("a", START, spec={"shutdown": "", "podGC": {"strategy": "OnPodCompletion"}})
NODES = [
    node("shop-a", "run-test", "Failed", START, START + 9, message="main: Error (exit code 1)",
         outputs={"parameters": [{"name": "x", "value": "1"}], "exitCode": "1"}, nodeFlag={"hooked": False},
         memoizationStatus={"hit": False}),
]  # fmt: skip
WORKFLOW = with_status(RUN, "Failed", START, START + 10, NODES)
POD = ended(
    running(pod(RUN, "run-test", START, labels={"workflows.argoproj.io/on-exit": "x"}), START + 1, START + 2),
    START + 9,
    1,
)
EVENT = {"kind": "Event", "reason": "SpotToBeReleased", "involvedObject": {"kind": "Pod", "uid": "a"}}

odd = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=40)
    | st.sampled_from([HUGE, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-11-26T10:00:00", "1" * 60, f"{HUGE}-1Gi", "²", "-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(raw: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in it."""
    children = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    return [path, *(each for key, value in children for each in places(value, (*path, key)))]


def changed(raw: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The object with another value there."""
    if not path:
        return value
    copy = dict(raw) if isinstance(raw, dict) else list(raw)
    copy[path[0]] = changed(raw[path[0]], path[1:], value)
    return copy


PLACES = {
    name: (raw, places(raw)[1:]) for name, raw in (("workflow", WORKFLOW), ("pod", POD), ("event", EVENT))
}


@settings(max_examples=tries(250))
@given(data=st.data())
def test_any_value_in_any_place_gives_a_record_or_none(data: st.DataObject) -> None:
    raw, found = PLACES[data.draw(st.sampled_from(sorted(PLACES)))]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(found))
        try:
            raw = changed(raw, path, data.draw(odd))
        except (KeyError, TypeError, IndexError):
            continue  # a change before it took this place away
    for record in records(raw):
        if record is not None:
            assert_bounded(record)


@settings(max_examples=tries(200))
@given(raw=st.dictionaries(st.sampled_from(["metadata", "spec", "status", "reason", "involvedObject"]), odd))
def test_any_object_gives_a_record_or_none(raw: dict[str, Any]) -> None:
    records(raw)


def assert_bounded(record: Any) -> None:
    for name in (
        "created",
        "started",
        "finished",
        "event_time",
        "acted",
        "fire_time",
        "scheduled",
        "main_started",
        "main_finished",
        "ended",
        "billed_from",
    ):
        value = getattr(record, name, None)
        # `ended` of a Workflow is whether it has.
        assert value is None or isinstance(value, bool) or EARLIEST <= value < LATEST
    for name in ("vcpu", "memory_bytes"):
        amount = getattr(record, name, 0.0)
        assert 0 <= amount <= 2**50


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-11-26T10:00:00", "2026-11-26", "2026-11-26T10:00:00Z" + "0" * 60,
     "2026-11-26T10:00:00." + "1" * 60 + "Z", "yesterday", "", None, 7, {}, []],
)  # fmt: skip
def test_what_is_no_time_of_a_run_is_absent(text: Any) -> None:
    assert unix(text) is None


@pytest.mark.parametrize(
    "text", ["2026-11-26T10:00:00Z", "2026-11-26T10:00:00.123456789Z", "2026-11-26T18:00:00.1+08:00"]
)
def test_a_time_is_read_with_any_fraction_and_zone(text: str) -> None:
    assert int(unix(text) or 0) == 1_795_687_200


def sized(**annotations: str) -> tuple[float, float]:
    found = pod_of(pod(RUN, "run-test", START, annotations=annotations))
    assert found is not None
    return found.vcpu, found.memory_bytes


def test_a_size_beyond_reason_is_absent() -> None:
    key = "k8s.aliyun.com/eci-instance-spec"
    assert sized(**{key: "4.0-8.0Gi"}) == (4.0, 8 * 2**30)
    # What the containers request is known then.
    assert sized(**{key: f"{HUGE}-{HUGE}Gi"}) == (2.0, 4 * 2**30)
    assert sized(**{key: "999999999-8Gi"}) == (0.0, 8 * 2**30)


# Node status that is compressed

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, 1),
    "zstd": zstd.compress,
    "brotli": lambda content: brotli.compress(content, quality=2),
}


def packed(content: bytes, by: str) -> dict[str, Any]:
    raw = with_status(RUN, "Failed", START, START + 10, [])
    raw["status"] |= {"nodes": None, "compressedNodes": base64.b64encode(PACK[by](content)).decode()}
    return raw


@pytest.mark.parametrize("by", PACK)
def test_compressed_node_status_is_read(by: str) -> None:
    content = json.dumps({each["id"]: each for each in NODES}).encode()
    found, plain = workflow_of(packed(content, by), TEMPLATES), workflow_of(WORKFLOW, TEMPLATES)
    assert found is not None
    assert plain is not None
    assert found.nodes == plain.nodes
    assert found.nodes


@pytest.mark.parametrize("by", PACK)
def test_node_status_that_grows_without_end_costs_its_limit_and_is_unread(by: str) -> None:
    raw = packed(b"[" + b" " * (2 * MAX_STATUS_BYTES) + b"]", by)
    tracemalloc.start()
    found = workflow_of(raw, TEMPLATES)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert found.nodes is None
    # The limit, and a copy of it while it grows: not the size that the content claims.
    assert most < 4 * MAX_STATUS_BYTES


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x",
        "AAAA",
        base64.b64encode(b"\x1f\x8bx").decode(),
        base64.b64encode(b"\x28\xb5\x2f\xfdx").decode(),
    ],
)
def test_node_status_that_is_damaged_is_unread(content: str) -> None:
    raw = with_status(RUN, "Failed", START, START + 10, [])
    raw["status"] |= {"nodes": None, "compressedNodes": content}
    found = workflow_of(raw, TEMPLATES)
    assert found is not None
    assert found.nodes == (() if content == "" else None)


def test_more_nodes_than_a_workflow_has_are_unread() -> None:
    raw = with_status(RUN, "Failed", START, START + 10, [])
    raw["status"]["nodes"] = {str(number): {"type": "Pod"} for number in range(MAX_NODES + 1)}
    found = workflow_of(raw, TEMPLATES)
    assert found is not None
    assert found.nodes is None


# Names of nodes


@pytest.mark.parametrize(
    ("name", "step", "task"),
    [
        ("shop-1.2-x.run-test", "run-test", "shop-1.2-x.run-test"),
        ("shop-1.2-x.run-test(1)", "run-test", "shop-1.2-x.run-test"),
        ("shop-1.2-x.run-test(0:1.26)", "run-test", "shop-1.2-x.run-test(0:1.26)"),
        ("shop-1.2-x.run-test(0:a:b,c:1.2)(2)", "run-test", "shop-1.2-x.run-test(0:a:b,c:1.2)"),
        ("shop-1.2-x.main(1).run-test(0:[1 2])(0)", "run-test", "shop-1.2-x.main.run-test(0:[1 2])"),
        ("shop-1.2-x[0].run-test", "run-test", "shop-1.2-x[0].run-test"),
        ("shop-1.2-x.run-test(0:f(x).y)", "run-test", "shop-1.2-x.run-test(0:f(x).y)"),
        ("shop-1.2-x.run-test(0:a(.b)", "run-test", "shop-1.2-x.run-test(0:a(.b)"),
        ("shop-1.2-x.run-test(0:line\nbreak.)", "run-test", "shop-1.2-x.run-test(0:line\nbreak.)"),
        ("shop-1.2-x", "", "shop-1.2-x"),
        ("shop-1.2-x(0)", "", "shop-1.2-x"),
        ("shop-1.2-x.onExit", "onExit", "shop-1.2-x.onExit"),
    ],
)
def test_the_name_of_a_node_says_its_step_and_its_task(name: str, step: str, task: str) -> None:
    found = path_of(name, "shop-1.2-x")
    assert (found.step, found.task) == (step, task)


@pytest.mark.parametrize(
    ("name", "on_exit"),
    [
        ("w.onExit", True),
        ("w.run-test.onExit", True),
        ("w.onExit.notify(1)", True),
        ("w.run-test", False),
        ("w.run-test(0:.onExit)", False),
    ],
)
def test_the_name_of_a_node_says_whether_it_is_an_exit_handlers(name: str, on_exit: bool) -> None:
    assert path_of(name, "w").on_exit is on_exit


@pytest.mark.parametrize(
    "labels",
    [{"workflows.argoproj.io/component": "agent"}, {"workflows.argoproj.io/component": "artifact-gc"}],
)
def test_argos_own_pods_are_no_attempts(labels: dict[str, str]) -> None:
    assert pod_of(pod(RUN, "run-test", START, labels=labels)) is None
