"""Fan-outs are counted once each, whatever order things come in, and are runs nowhere."""

import itertools
import json
import random
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from api_objects import START, at, green_run
from counting_core import Exporter
from fan_out_histories import ORDER_BYTES, fan_out, fan_out_history, fan_out_pod, pod_node, with_nodes
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from runs.exporter.counting import RESOURCES, Change
from runs.exporter.family import OTHER
from runs.exporter.labels import MAX_FAN_OUT_SOURCES
from runs.exporter.live import Live
from runs.exporter.measuring import measure_fan_out
from runs.exporter.prices import BUILT_IN
from runs.exporter.recording import Recorder, changes_of
from runs.exporter.remembered import KEEP_FAN_OUTS
from runs.exporter.series import Histogram
from runs.facts import Began, Ended
from runs.fan_outs import FanOut, fan_out_of
from runs.objects import workflow_of

RELEASES = ("3.7", "4.0")
WHERE = ("ci", "registry")


def played(
    *histories: Iterable[Mapping[str, Any]], path: Path | None = None, **configuration: Any
) -> Exporter:
    found = Exporter(path, **configuration)
    for each in histories:
        for raw in each:
            found.give("workflows", "MODIFIED", dict(raw))
    found.sync()
    return found


def counted(found: Exporter, name: str, word: str = "") -> Any:
    return found.ledger.series.get(f"hookline_{name}", (*WHERE, word) if word else WHERE)


def results(found: Exporter) -> dict[str, int]:
    """Result → runs of fan-outs, those that are not 0."""
    words = ("started", "existing", "replaced", "refused", "unknown")
    return {word: int(value) for word in words if (value := counted(found, "fan_out_runs_total", word))}


def last(history: Iterable[Mapping[str, Any]]) -> FanOut:
    found = fan_out_of(list(history)[-1])
    assert found is not None
    return found


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("end", "outcome", "runs"),
    [
        ("success", "success", {"started": 300}),
        ("refused", "failure", {"started": 298, "existing": 1, "refused": 1}),
        # What the first pod started, the second one finds.
        ("killed", "success", {"started": 150, "existing": 150}),
        ("lost", "error", {"started": 150, "unknown": 150}),
        ("stopped", "cancellation", {"unknown": 300}),
    ],
)
def test_a_fan_out_is_one_with_an_outcome_and_each_of_its_runs_has_a_result(
    release: str, end: str, outcome: str, runs: Mapping[str, int]
) -> None:
    found = played(fan_out_history(release=release, end=end))
    assert {
        key[1]: value for key, value in found.totals().items() if key[0] == "hookline_fan_outs_total"
    } == {(*WHERE, outcome): 1}
    assert results(found) == runs
    assert sum(results(found).values()) == 300


def test_its_seconds_are_those_from_the_event_to_its_end_or_from_its_creation_without_one() -> None:
    found = played(fan_out_history())
    histogram = counted(found, "fan_out_duration_seconds")
    assert isinstance(histogram, Histogram)
    assert (sum(histogram.counts), float(histogram.sum)) == (1, 72)
    assert last(fan_out_history(annotations={"hookline.dev/event-time": ""})).duration == 70
    # `argo resubmit` copies the annotations, and the event was long ago.
    again = fan_out_history(labels={"workflows.argoproj.io/resubmitted-from-workflow": "fan-out-base-go-e"})
    assert last(again).duration == 70


def test_a_fan_out_that_is_retried_ends_twice_and_starts_only_what_was_left() -> None:
    found = played(fan_out_history(end="retried"))
    assert counted(found, "fan_outs_total", "failure") == counted(found, "fan_outs_total", "success") == 1
    assert results(found) == {"started": 299, "existing": 300, "refused": 1}


def test_counters_begin_at_0_when_the_first_fan_out_begins_so_that_the_first_failure_is_an_increase() -> None:
    found = Exporter()
    found.give("workflows", "ADDED", fan_out())
    for word in ("success", "failure", "error", "timeout", "cancellation"):
        assert counted(found, "fan_outs_total", word) == 0
    for word in ("started", "existing", "replaced", "refused", "unknown"):
        assert counted(found, "fan_out_runs_total", word) == 0
    assert counted(found, "fan_outs_total", "skip") is None


def waits(found: Exporter) -> list[float]:
    return list(found.counting.waiting().values())


@pytest.mark.parametrize("release", RELEASES)
def test_runs_wait_until_the_pod_says_that_they_are_there(release: str) -> None:
    found, seen = Exporter(), []
    for raw in fan_out_history(release=release):
        found.give("workflows", "MODIFIED", raw)
        seen.append(waits(found))
    # Before the pod reports, Argo writes 0/1: one node, and none of it done.
    assert seen == [[300], [300], [300], [150], []]


def test_what_a_killed_pod_had_started_waits_no_more_while_the_next_one_finds_it() -> None:
    found, seen = Exporter(), []
    for raw in fan_out_history(end="killed"):
        found.give("workflows", "MODIFIED", raw)
        seen.append(waits(found))
    # The status of the Workflow adds both pods up: 151/600.
    assert seen == [[300], [300], [300], [150], [150], [150], []]


def test_runs_that_wait_are_added_up_by_namespace_and_source() -> None:
    found = Exporter()
    for number in range(3):
        found.give("workflows", "ADDED", fan_out(f"f{number}", START, 100 + number))
    assert found.counting.waiting() == {WHERE: 303}


HISTORIES = [
    fan_out_history("a", START, 300, "3.7"),
    fan_out_history("b", START + 5, 50, "4.0", "refused"),
    fan_out_history("c", START + 9, 20, "3.7", "killed"),
    fan_out_history("d", START + 9, 20, "4.0", "lost"),
    fan_out_history("e", START + 20, 7, "4.0", "retried"),
]


class Crash(BaseException):
    """The process ends here."""


@settings(max_examples=tries(80), deadline=None)
@given(
    crashes=st.lists(st.integers(0, 40), max_size=4),
    relists=st.sets(st.integers(0, 30), max_size=5),
    seed=st.integers(0, 10_000),
)
def test_any_order_of_fan_outs_relists_and_crashes_gives_the_same_totals(
    tmp_path_factory: Any, crashes: list[int], relists: set[int], seed: int
) -> None:
    runs = green_run("r")
    expected = played(*HISTORIES).play(runs).totals()
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    counter, planned, chance = itertools.count(), set(crashes), random.Random(seed)

    def crash_point(_: str) -> None:
        if next(counter) in planned:
            raise Crash

    streams: list[list[tuple[str, Any]]] = [[("workflows", raw) for raw in each] for each in HISTORIES]
    # The run keeps its order: a pod that comes after its run's end is another matter.
    streams.append([(resource, raw) for resource, _, raw in runs.changes()])
    order = [number for number, each in enumerate(streams) for _ in each]
    chance.shuffle(order)
    left = [iter(each) for each in streams]
    state: dict[tuple[str, str], Any] = {}
    found = Exporter(path, crash_point)

    def relist() -> None:
        listed = list(state.items())
        chance.shuffle(listed)
        for (resource, _), raw in listed:
            found.give(resource, "ADDED", raw)
        found.apply(*(Change(each, "synced") for each in RESOURCES))

    def surviving(work: Any) -> None:
        nonlocal found
        while True:
            try:
                work()
            except Crash:
                found.ledger.close()
                found, work = Exporter(path, crash_point), relist
            else:
                return

    for number, stream in enumerate(order):
        resource, raw = next(left[stream])
        state[resource, raw["metadata"]["uid"]] = raw
        surviving(lambda resource=resource, raw=raw: found.give(resource, "MODIFIED", raw))
        if number in relists:
            surviving(relist)
    surviving(found.sync)
    assert found.totals() == expected
    found.ledger.close()


def test_a_fan_out_is_a_run_nowhere() -> None:
    found = Exporter(templates=("ci-go-v1", "hookline-fan-out"))
    began: list[Began] = []

    class Listener:
        def began(self, run: Began) -> None:
            began.append(run)

        def attempt_ended(self, run: Began, _: Any) -> None:
            began.append(run)

        def ended(self, run: Ended) -> None:
            began.append(run.run)

    found.counting._listeners = (Listener(),)
    found.counting.untold = [0]
    history = fan_out_history()
    found.give("pods", "ADDED", fan_out_pod(history[0]))
    for raw in history[:-1]:
        found.give("workflows", "MODIFIED", raw)
        assert found.counting.active() == {}
        assert found.counting.unfinished() == []
    found.give("pods", "MODIFIED", fan_out_pod(history[0], 0))
    found.give("workflows", "MODIFIED", history[-1])
    found.give("pods", "DELETED", fan_out_pod(history[0], 0))
    found.sync()
    families = {name for name, _ in found.totals()}
    assert families == {
        "hookline_fan_outs_total",
        "hookline_fan_out_runs_total",
        "hookline_fan_out_duration_seconds",
    }
    assert began == []
    assert found.counting.tracker.counts() == (0, 0, 0)
    assert found.ledger.size()[1] == 0
    # Neither the controller nor a command takes it for one.
    assert workflow_of(history[0], frozenset({"hookline-fan-out"})) is None


def test_a_run_is_a_run_whoever_writes_a_fan_outs_label_on_it() -> None:
    raw = fan_out(labels={"hookline.dev/pipeline": "shop"})
    assert fan_out_of(raw) is None
    assert workflow_of(raw, frozenset()) is not None


@pytest.mark.parametrize("runs", ["", "0", "-1", "many", "100001", "٣", None, 300, ["300"]])
def test_a_label_that_is_no_number_of_runs_makes_no_fan_out(runs: Any) -> None:
    assert fan_out_of(fan_out(labels={"hookline.dev/fan-out-runs": runs})) is None


@pytest.mark.parametrize(
    ("said", "runs"),
    [
        ({"started": 10**400}, {"unknown": 3}),
        ({"started": 2, "existing": 2, "refused": 9}, {"started": 2, "existing": 1}),
        ({"started": -1, "existing": True, "refused": "3", "replaced": 1.5}, {"replaced": 1, "unknown": 2}),
        ([1], {"unknown": 3}),
        ({"started": 1, "other": 2}, {"started": 1, "unknown": 2}),
    ],
)
def test_whatever_a_pod_says_its_results_are_as_many_as_its_runs(said: Any, runs: Mapping[str, int]) -> None:
    raw = fan_out(runs=3)
    node = pod_node(raw, "Succeeded", START, START + 5, counts=said)
    found = played([with_nodes(raw, "4.0", "Succeeded", [node], finishedAt=at(START + 6))])
    assert results(found) == runs


def test_a_fan_out_deleted_before_its_end_is_lost_not_guessed() -> None:
    found = played(fan_out_history()[:3])
    found.give("workflows", "DELETED", fan_out_history()[2])
    assert found.value("observations_lost_total", "fan_out") == 1
    assert (results(found), waits(found)) == ({}, [])
    ended = played(fan_out_history())
    ended.give("workflows", "DELETED", fan_out_history()[-1])
    assert ended.value("observations_lost_total", "fan_out") == 0


def test_a_fan_out_that_ended_and_went_while_the_exporter_was_down_is_lost_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first = played(fan_out_history()[:2], path=path)
    first.ledger.close()
    for _ in range(2):
        again = Exporter(path)
        again.sync()
        assert again.value("observations_lost_total", "fan_out") == 1
        assert again.value("observations_lost_total", "run") == 0
        again.ledger.close()


@pytest.mark.parametrize("created", [START, START - 1000])
def test_a_fan_out_that_was_counted_or_is_too_old_to_be_is_not_missed_when_it_goes(
    created: float, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.db"
    first = played(fan_out_history(created=created), path=path)
    assert counted(first, "fan_outs_total", "success") == int(created == START)
    first.ledger.close()
    again = Exporter(path)
    again.sync()
    assert again.value("observations_lost_total", "fan_out") == 0


def test_fan_outs_that_were_counted_cost_no_transaction_when_they_are_listed_again() -> None:
    found = played(fan_out_history())
    before = found.ledger.commits
    found.give("workflows", "ADDED", fan_out_history()[-1])
    assert found.ledger.commits == before
    assert results(found) == {"started": 300}


def test_a_fan_out_skips_nothing_whatever_its_pod_says() -> None:
    raw = fan_out()
    node = pod_node(raw, "Succeeded", START, START + 5)
    node["outputs"]["parameters"].append({"name": "skip-reason", "value": "NO_CHANGE"})
    found = played([with_nodes(raw, "4.0", "Succeeded", [node], finishedAt=at(START + 6))])
    assert counted(found, "fan_outs_total", "success") == 1


def test_a_fan_out_that_raises_an_error_keeps_no_other_from_being_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = measure_fan_out
    monkeypatch.setattr(
        "runs.exporter.counting.measure_fan_out",
        lambda ended, rules: 1 / 0 if ended.uid == "bad" else real(ended, rules),
    )
    found = played(fan_out_history("bad"), fan_out_history("good"))
    assert counted(found, "fan_outs_total", "success") == 1
    assert found.value("observations_lost_total", "fan_out") == 1


def test_sources_beyond_the_limit_are_other_and_keep_their_place_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    histories = [
        fan_out_history(f"f{number}", labels={"hookline.dev/source": f"s{number}"})[-1:]
        for number in range(MAX_FAN_OUT_SOURCES + 2)
    ]
    found = played(*histories, path=path)
    series = {key[1][:2] for key, _ in found.ledger.series.values() if key[0] == "hookline_fan_outs_total"}
    assert len(series) == MAX_FAN_OUT_SOURCES + 1
    assert found.ledger.series.get("hookline_fan_outs_total", (OTHER, OTHER, "success")) == 2
    assert found.value("label_overflow_total", "source") == 2
    found.ledger.close()
    more = [fan_out_history(f"g{source}", labels={"hookline.dev/source": source}) for source in ("new", "s0")]
    again = played(*more, path=path)
    assert again.ledger.series.get("hookline_fan_outs_total", ("ci", "s0", "success")) == 2
    assert again.ledger.series.get("hookline_fan_outs_total", (OTHER, OTHER, "success")) == 3


def test_the_order_of_a_fan_out_stays_neither_in_memory_nor_in_a_recording(tmp_path: Path) -> None:
    raw = fan_out_history(order_bytes=ORDER_BYTES)[-1]
    found = fan_out_of(raw)
    assert found is not None
    kept = [getattr(found, name) for name in FanOut.__dataclass_fields__]
    assert sum(map(sys.getsizeof, kept)) < 4096
    with Recorder(tmp_path) as recorder:
        recorder.object(START, "workflows", "ADDED", raw)
    ((_, _, recorded, _),) = changes_of(tmp_path, "workflows")
    assert recorded is not None
    assert len(json.dumps(recorded)) < 4096
    assert fan_out_of(recorded) == found


def test_the_ledger_keeps_the_newest_fan_outs_page_by_page(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    found = Exporter(path)
    for number in range(KEEP_FAN_OUTS + 3):
        found.give("workflows", "ADDED", fan_out_history(f"f{number}", START + number)[-1])
    found.ledger.close()
    ledger = Exporter(path).ledger
    first = ledger.fan_outs("", None, 600)
    second = ledger.fan_outs("", first.more, 600)
    names = [each.name for each in (*first.fan_outs, *second.fan_outs)]
    assert names == [f"fan-out-base-go-f{number}" for number in range(KEEP_FAN_OUTS + 2, 2, -1)]
    assert second.more is None
    (one,) = ledger.fan_outs("fan-out-base-go-f7", None, 5).fan_outs
    assert one == last(fan_out_history("f7", START + 7))


def test_the_way_of_a_runs_event_through_a_fan_out_is_a_hop_of_its_own() -> None:
    labels = {
        "hookline.dev/pipeline": "shop",
        "hookline.dev/event-kind": "image_push",
        "hookline.dev/fan-out": "fan-out-base-go-f",
    }
    found = Exporter().play(green_run("a", labels=labels), green_run("b"))
    hops = {hop: found.value("event_latency_seconds", hop) for hop in ("fan_out", "sensor", "workflow")}
    assert {hop: sum(value.counts) for hop, value in hops.items()} == {
        "fan_out": 1,
        "sensor": 1,
        "workflow": 2,
    }


def test_a_scrape_says_how_many_runs_wait() -> None:
    from runs.exporter.own_metrics import Scrape, fan_out_runs_waiting

    live = Live(version="1", prices=BUILT_IN, waiting={WHERE: 150.0})
    assert list(fan_out_runs_waiting(Scrape(live, 0.0, 0, 0, 0, 0.0))) == [(WHERE, 150.0)]
