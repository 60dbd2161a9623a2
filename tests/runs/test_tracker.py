"""Workflows and pods come in; each run and each attempt is counted once, whatever the order and whenever it crashes."""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from api_objects import (
    START,
    STEPS,
    History,
    bid_failed,
    ended,
    green_run,
    history,
    node,
    notice,
    pod,
    running,
    with_status,
    workflow,
)
from counting_core import Exporter
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from runs.exporter.counting import RESOURCES, Change

SPOT = {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}


class Crash(BaseException):
    pass


def test_a_green_run_is_one_run_three_attempts_and_their_times() -> None:
    found = Exporter().play(green_run("a", START))
    assert found.value("runs_total", "shop", "push", "success") == 1
    assert found.value("runs_total", "shop", "push", "failure") == 0
    for step, seconds in zip(STEPS, (20, 60, 90), strict=True):
        assert found.value("step_attempts_total", "shop", step, "success", "on_demand") == 1
        duration = found.value("step_duration_seconds", "shop", step)
        assert (sum(duration.counts), duration.sum) == (1, seconds)
        pending = found.value("step_pending_seconds", step, "on_demand")
        assert (sum(pending.counts), pending.sum) == (1, 10)
    assert found.value("last_success_timestamp_seconds", "shop") == START + 210
    assert found.value("run_duration_seconds", "shop").sum == 209
    # 1 s before the first pod, 3 s after each pod's end
    assert found.value("run_overhead_seconds_total", "shop") == 1 + 3 + 3 + 3


def test_latency_is_told_hop_by_hop() -> None:
    found = Exporter().play(green_run("a", START))
    sums = {
        hop: found.value("event_latency_seconds", hop)
        for hop in ("bus", "sensor", "workflow", "pod", "container")
    }
    assert sum(sums["bus"].counts) == 0  # a patched Workflow does not say when its Sensor acted
    assert {hop: each.sum for hop, each in sums.items() if sum(each.counts)} == {
        "sensor": 2,
        "workflow": 1,
        "pod": 1,
        "container": 9,
    }


def test_usage_is_that_of_the_billed_size() -> None:
    found = Exporter().play(green_run("a", START))
    assert found.value("compute_vcpu_seconds_total", "shop", "run-test", "eci", "on_demand") == 2 * 69
    memory = found.value("compute_memory_byte_seconds_total", "shop", "run-test", "eci", "on_demand")
    assert memory == 4 * 1024**3 * 69
    seconds = 29 + 69 + 99
    cost = found.value("compute_cost_total", "shop", "on_demand", "CNY")
    assert cost == pytest.approx(seconds * (2 * 0.000049 + 4 * 0.00000613), rel=1e-6)


def test_any_order_of_the_three_streams_gives_the_same_totals() -> None:
    expected = Exporter().play(green_run("a", START, LOGS)).totals()
    streams = green_run("a", START, LOGS).streams()
    order = [name for name, changes in streams.items() for _ in changes]
    for seed in range(60):
        shuffled = order[:]
        random.Random(seed).shuffle(shuffled)
        found = Exporter()
        found.logs = green_run("a", START, LOGS).logs
        left = {name: iter(changes) for name, changes in streams.items()}
        for name in shuffled:
            kind, raw = next(left[name])
            found.give(name, kind, raw)
        found.sync()
        assert found.totals() == expected


LOGS = dict.fromkeys(STEPS, b"x")
FAILED = [("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 1)]


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([(step, "Succeeded", 0) for step in STEPS], "success"),
        (FAILED, "failure"),
        ([("git-checkout-pr", "Failed", 128)], "error"),
        ([("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 137)], "error"),
        ([("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 143)], "error"),
    ],
)
def test_red_code_is_a_failure_and_lost_infrastructure_an_error(
    steps: list[tuple[str, str, int]], outcome: str
) -> None:
    found = Exporter().play(history("a", START, steps))
    assert found.value("runs_total", "shop", "push", outcome) == 1


@pytest.mark.parametrize(
    ("exit_code", "outcome"), [(143, "cancellation"), (137, "cancellation"), (1, "failure"), (0, "success")]
)
def test_what_a_stopped_run_took_down_is_cancelled_and_what_ended_by_itself_is_not(
    exit_code: int, outcome: str
) -> None:
    phase = "Failed" if exit_code else "Succeeded"
    steps = [("git-checkout-pr", "Succeeded", 0), ("run-test", phase, exit_code)]
    found = Exporter().play(history("a", START, steps, spec={"shutdown": "Stop"}))
    assert found.value("step_attempts_total", "shop", "run-test", outcome, "on_demand") == 1
    assert found.value("runs_total", "shop", "push", "cancellation") == (1 if exit_code else 0)


@settings(max_examples=tries(60))
@given(crashes=st.lists(st.integers(0, 40), max_size=4), seed=st.integers(0, 10_000))
def test_a_crash_at_any_moment_changes_no_total(tmp_path_factory: Any, crashes: list[int], seed: int) -> None:
    histories = [green_run("a", START, LOGS), history("b", START + 50, FAILED, LOGS)]
    expected = Exporter().play(*histories).totals()
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    counter = itertools.count()
    planned = set(crashes)

    def crash_point(_: str) -> None:
        if next(counter) in planned:
            raise Crash

    changes = [change for each in histories for change in each.changes()]
    last: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    chance = random.Random(seed)
    found = Exporter(path, crash_point)
    found.logs = {uid: log for each in histories for uid, log in each.logs.items()}
    logs = found.logs

    def restarted() -> Exporter:
        while True:
            again = Exporter(path, crash_point)
            again.logs = logs
            listed = list(last.items())
            chance.shuffle(listed)
            try:
                for (resource, _), (_, raw) in listed:
                    again.give(resource, "ADDED", raw)
                for each in RESOURCES:
                    again.apply(Change(each, "synced"))
            except Crash:
                again.ledger.close()
            else:
                return again

    for resource, kind, raw in changes:
        last[resource, raw["metadata"]["uid"]] = (kind, raw)
        try:
            found.give(resource, kind, raw)
        except Crash:
            found.ledger.close()
            found = restarted()
    try:
        found.sync()
    except Crash:
        found.ledger.close()
        found = restarted()
    assert found.totals() == expected
    found.ledger.close()


def reclaim_run(evicted: bool) -> History:
    """A spot run: the test step is taken away after 30 s and runs again."""
    found = History()
    run = workflow("a", START)
    name = run["metadata"]["name"]
    first = running(pod(run, "run-test", START + 1, annotations=SPOT, attempt="(0)"), START + 2, START + 11)
    second = ended(
        running(pod(run, "run-test", START + 60, annotations=SPOT, attempt="(1)"), START + 61, START + 70),
        START + 130,
    )
    found.pods += [("ADDED", first)]
    found.events.append(("ADDED", notice(first)))
    found.pods.append(("DELETED", first) if evicted else ("MODIFIED", bid_failed(first, START + 41)))
    found.pods += [("ADDED", second)]
    message = (
        "pod deleted" if evicted else "The pod is spot instance, and have been released at 2026-09-21T14:14Z"
    )
    nodes = [
        node(
            name,
            "run-test",
            "Error" if evicted else "Failed",
            START + 1,
            START + 41,
            attempt="(0)",
            message=message,
        ),
        node(name, "run-test", "Succeeded", START + 60, START + 131, attempt="(1)"),
    ]
    found.workflows += [
        ("ADDED", with_status(run, "Running", START + 1, None, [])),
        ("MODIFIED", with_status(run, "Succeeded", START + 1, START + 132, nodes)),
    ]
    return found


@pytest.mark.parametrize("evicted", [False, True])
def test_a_reclaimed_attempt_is_an_error_its_work_is_wasted_and_the_run_is_green(evicted: bool) -> None:
    found = Exporter().play(reclaim_run(evicted))
    assert found.value("runs_total", "shop", "push", "success") == 1
    assert found.value("step_attempts_total", "shop", "run-test", "error", "spot") == 1
    assert found.value("step_attempts_total", "shop", "run-test", "success", "spot") == 1
    assert found.value("spot_reclaims_total", "shop", "evicted" if evicted else "BidFailed") == 1
    assert found.value("spot_pods_total", "shop") == 2
    assert found.value("spot_wasted_vcpu_seconds_total", "shop") == 2 * 39
    assert found.value("step_duration_seconds", "shop", "run-test").sum == 60


@pytest.mark.parametrize("ended_first", [False, True])
def test_a_pod_that_argo_made_again_under_its_name_is_not_judged_by_the_end_of_the_other(
    ended_first: bool,
) -> None:
    # The controller makes a pod again that was deleted before it saw the pod run; both are of one node.
    found = History()
    run = workflow("a", START)
    first = running(pod(run, "run-test", START + 1), START + 2, START + 11)
    first["metadata"]["uid"] += "-first"
    if ended_first:
        first = ended(first, START + 20, 1)
    second = ended(running(pod(run, "run-test", START + 41), START + 42, START + 50), START + 130)
    found.pods += [("ADDED", first), ("DELETED", first), ("ADDED", second)]
    node_ = node(run["metadata"]["name"], "run-test", "Succeeded", START + 1, START + 131)
    found.workflows += [
        ("ADDED", with_status(run, "Running", START + 1, None, [])),
        ("MODIFIED", with_status(run, "Succeeded", START + 1, START + 132, [node_])),
    ]
    counted = Exporter().play(found)
    assert counted.value("runs_total", "shop", "push", "success") == 1
    first_outcome = "failure" if ended_first else "error"
    assert counted.value("step_attempts_total", "shop", "run-test", first_outcome, "on_demand") == 1
    assert counted.value("step_attempts_total", "shop", "run-test", "success", "on_demand") == 1


def test_a_pod_that_argo_made_again_is_counted_at_once_since_the_next_exporter_will_not_find_it() -> None:
    run = workflow("a", START)
    first = running(pod(run, "run-test", START + 1), START + 2, START + 11)
    first["metadata"]["uid"] += "-first"
    second = running(pod(run, "run-test", START + 41), START + 42, START + 50)
    found = Exporter()
    found.sync()
    found.give("workflows", "ADDED", with_status(run, "Running", START + 1, None, []))
    for kind, raw in (("ADDED", first), ("DELETED", first), ("ADDED", second)):
        found.give("pods", kind, raw)
    assert found.value("step_attempts_total", "shop", "run-test", "error", "on_demand") == 1


def test_spot_has_a_list_cost_and_no_cost_without_a_price() -> None:
    found = Exporter().play(reclaim_run(evicted=False))
    assert found.value("compute_cost_total", "shop", "spot", "CNY") is None
    assert found.value("compute_list_cost_total", "shop", "spot", "CNY") > 0
    assert found.value("compute_unpriced_vcpu_seconds_total", "shop", "spot") == 2 * (39 + 69)


def test_a_run_deleted_before_its_end_is_lost_not_guessed() -> None:
    history_ = green_run("a", START)
    found = Exporter()
    found.sync()
    for kind, raw in history_.workflows[:2]:
        found.give("workflows", kind, raw)
    for kind, raw in history_.pods[:2]:
        found.give("pods", kind, raw)
    found.give("workflows", "DELETED", history_.workflows[1][1])
    assert found.value("observations_lost_total", "run") == 1
    assert found.value("observations_lost_total", "pod") == 1
    assert found.value("runs_total", "shop", "push", "success") == 0
    assert found.counting.tracker.counts() == (0, 0, 0)


def test_a_run_that_ended_and_went_while_the_exporter_was_down_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first = Exporter(path)
    first.sync()
    first.give("workflows", *green_run("a", START).workflows[0])
    first.ledger.close()
    second = Exporter(path)
    second.sync()
    assert second.value("observations_lost_total", "run") == 1
    third = Exporter(path)
    third.sync()
    assert third.value("observations_lost_total", "run") == 1


def test_a_run_that_is_retried_counts_twice_and_its_latency_once() -> None:
    found = Exporter().play(history("a", START, FAILED))
    run = workflow("a", START)
    name = run["metadata"]["name"]
    again = ended(
        running(pod(run, "run-test", START + 500, attempt="-2"), START + 501, START + 510), START + 570
    )
    nodes = [
        node(name, "git-checkout-pr", "Succeeded", START + 1, START + 32),
        node(name, "run-test", "Succeeded", START + 500, START + 571, attempt="-2"),
    ]
    found.give("workflows", "MODIFIED", with_status(run, "Running", START + 1, None, nodes[:1]))
    found.give("pods", "ADDED", again)
    found.give("workflows", "MODIFIED", with_status(run, "Succeeded", START + 1, START + 572, nodes))
    assert found.value("runs_total", "shop", "push", "failure") == 1
    assert found.value("runs_total", "shop", "push", "success") == 1
    assert sum(found.value("event_latency_seconds", "sensor").counts) == 1


def test_a_pod_that_nobody_saw_is_lost_and_the_run_is_counted() -> None:
    found = Exporter()
    history_ = green_run("a", START)
    for kind, raw in history_.workflows:
        found.give("workflows", kind, raw)
    found.sync()
    assert found.value("runs_total", "shop", "push", "success") == 1
    assert found.value("observations_lost_total", "pod") == 3


def test_runs_of_other_templates_are_not_measured_and_leave_nothing_behind() -> None:
    found = Exporter()
    run = workflow("a", START, labels={}, spec={"workflowTemplateRef": {"name": "etl"}})
    found.give("workflows", "ADDED", run)
    found.give("pods", "ADDED", ended(running(pod(run, "main", START), START, START + 1), START + 2))
    found.sync()
    assert found.totals() == {}
    assert found.counting.tracker.counts() == (0, 0, 0)


@pytest.mark.parametrize(("adopt", "pipeline"), [((), "other"), (("shop",), "shop"), (("s*",), "shop")])
def test_a_run_that_a_person_started_is_known_by_its_repository_if_that_is_listed(
    adopt: tuple[str, ...], pipeline: str
) -> None:
    found = Exporter(adopt=adopt).play(green_run("a", START, labels={}, annotations={}))
    assert found.value("runs_total", pipeline, "manual", "success") == 1


def test_pipelines_beyond_the_limit_are_other_and_that_is_counted() -> None:
    runs = []
    for number in range(3):
        labels = {"hookline.dev/pipeline": f"p{number}", "hookline.dev/event-kind": "push"}
        runs.append(green_run(f"r{number}", START + number, labels=labels))
    found = Exporter(max_pipelines=2).play(*runs)
    assert found.value("runs_total", "other", "push", "success") == 1
    assert found.value("label_overflow_total", "pipeline") == 1


def test_what_was_counted_leaves_the_memory() -> None:
    found = Exporter().play(*(green_run(f"r{number}", START + number, LOGS) for number in range(20)))
    assert found.value("runs_total", "shop", "push", "success") == 20
    assert found.counting.tracker.counts() == (0, 0, 0)


def test_runs_that_are_under_way_are_told_by_state() -> None:
    found = Exporter()
    history_ = green_run("a", START)
    found.give("workflows", *history_.workflows[0])
    assert found.counting.active() == {("ci", "", "shop", "pending"): 1}
    for kind, raw in history_.pods[:2]:
        found.give("pods", kind, raw)
    assert found.counting.active() == {("ci", "", "shop", "executing"): 1}


# Series begin at 0


def test_counters_begin_at_0_when_the_first_run_begins_and_stay_over_a_restart(tmp_path: Path) -> None:
    found = Exporter(tmp_path / "ledger.db")
    found.give("workflows", *green_run("a", START).workflows[0])
    for again in (found, Exporter(tmp_path / "ledger.db")):
        for outcome in ("success", "failure", "error", "timeout", "cancellation", "skip"):
            assert again.value("runs_total", "shop", "push", outcome) == 0
        assert again.value("run_overhead_seconds_total", "shop") == 0
        assert sum(again.value("run_duration_seconds", "shop").counts) == 0
        assert again.value("runs_total", "shop", "tag", "success") is None
        again.ledger.close()
    text = found.ledger.exposition().decode()
    assert (
        'hookline_runs_total{namespace="ci",owner="",pipeline="shop",event="push",outcome="failure"} 0'
        in text
    )
    assert 'hookline_run_duration_seconds_count{namespace="ci",owner="",pipeline="shop"} 0' in text


def test_counters_of_a_step_begin_at_0_when_its_first_pod_begins() -> None:
    found = Exporter()
    history_ = green_run("a", START)
    found.give("workflows", *history_.workflows[0])
    assert found.value("step_attempts_total", "shop", "git-checkout-pr", "error", "on_demand") is None
    found.give("pods", *history_.pods[0])
    for outcome in ("success", "failure", "error", "timeout", "cancellation"):
        assert found.value("step_attempts_total", "shop", "git-checkout-pr", outcome, "on_demand") == 0
    assert sum(found.value("step_duration_seconds", "shop", "git-checkout-pr").counts) == 0
    assert found.value("log_reads_total", "git-checkout-pr", "complete") == 0
    assert found.value("compute_cost_total", "shop", "on_demand", "CNY") == 0
    assert found.value("spot_pods_total", "shop") is None
    assert found.value("cache_requests_total", "shop", "git_checkout") is None


@pytest.mark.parametrize("played", ["green", "red", "reclaimed"])
def test_what_begins_at_0_is_nothing_that_the_run_would_not_have_at_its_end(played: str) -> None:
    """So a pipeline has no more series for it; what is listed when it has ended has no beginning."""
    history_ = {
        "green": green_run("a", START, LOGS),
        "red": history("a", START, FAILED, LOGS),
        "reclaimed": reclaim_run(evicted=False),
    }[played]
    followed = Exporter().play(history_)
    listed = Exporter()
    listed.logs = history_.logs
    newest = {(resource, raw["metadata"]["uid"]): raw for resource, _, raw in history_.changes()}
    for (resource, _), raw in sorted(newest.items(), key=lambda each: each[0][0] == "workflows"):
        listed.give(resource, "ADDED", raw)
    listed.sync()
    assert {key for key, _ in followed.ledger.series.values()} == {
        key for key, _ in listed.ledger.series.values()
    }
    assert followed.totals() == listed.totals()
