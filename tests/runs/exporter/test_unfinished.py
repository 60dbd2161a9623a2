"""Runs that have not ended are shown as they are, and each run is shown at every moment: unfinished, or from the ledger."""

from dataclasses import replace
from typing import Any

import pytest
from api_objects import START, ended, history, node, pod, running, with_status, workflow
from counting_core import Exporter

from runs.exporter import remembered
from runs.exporter.ledger import Ledger
from runs.exporter.remembered import MAX_LOG_END_BYTES
from runs.exporter.unfinished import UnfinishedRuns
from runs.history import Query, Run
from runs.step_logs import FailedTest, LogEnd, Place

FAILED = [("git-checkout-pr", "Succeeded", 0), ("run-test", "Failed", 1)]
LOG = b"Start Go Test...\n--- FAIL: TestAdd (0.00s)\n    add_test.go:12: want 3\nFAIL\nFAIL\texample.com/add\t0.1s\n"


def unfinished(exporter: Exporter) -> UnfinishedRuns:
    counting = exporter.counting
    return UnfinishedRuns(counting.unfinished, exporter.ledger.shown_attempts, counting.rules.labels.name)


def shown(exporter: Exporter, name: str) -> Run | None:
    """What the page of a run shows, in the order in which the pages ask."""
    found = unfinished(exporter).run("ci", name)
    return exporter.ledger.run("ci", name) if found is None else found


def test_a_run_is_queued_then_running_then_ending_then_counted() -> None:
    exporter = Exporter()
    exporter.sync()
    raw = workflow("a", START, status={"phase": "Pending", "message": "Waiting for ci/Mutex/shop lock"})
    exporter.give("workflows", "ADDED", raw)
    found = shown(exporter, "shop-a")
    assert found is not None
    assert (found.outcome, found.finished, found.duration, found.message) == (
        "queued",
        None,
        None,
        "Waiting for ci/Mutex/shop lock",
    )
    assert (found.pipeline, found.sha, found.source, found.actor) == ("shop", "3f1c" * 10, "github", "alice")

    waiting = pod(raw, "run-test", START + 1)
    exporter.give("pods", "ADDED", waiting)
    exporter.give("pods", "MODIFIED", running(waiting, START + 2, START + 5))
    found = shown(exporter, "shop-a")
    assert found is not None
    assert (found.outcome, [(each.step, each.outcome, each.started) for each in found.attempts]) == (
        "running", [("run-test", "running", START + 5)],
    )  # fmt: skip

    nodes = [node("shop-a", "run-test", "Failed", START + 1, START + 30)]
    exporter.give("workflows", "MODIFIED", with_status(raw, "Failed", START, START + 31, nodes))
    found = shown(exporter, "shop-a")
    assert found is not None
    assert (found.outcome, found.finished) == ("ending", None)

    exporter.give("pods", "MODIFIED", ended(running(waiting, START + 2, START + 5), START + 30, 1))
    exporter.sync()
    assert unfinished(exporter).run("ci", "shop-a") is None
    found = shown(exporter, "shop-a")
    assert found is not None
    assert (found.outcome, found.finished) == ("failure", START + 31)


def test_a_run_that_is_opened_again_is_shown_as_it_is_now() -> None:
    exporter = Exporter().play(history("a", START, FAILED))
    again = workflow("a", START, status={"phase": "Running"})
    exporter.give("workflows", "MODIFIED", again)
    found = shown(exporter, "shop-a")
    assert found is not None
    assert (found.outcome, found.finished) == ("queued", None)
    assert [each.step for each in found.attempts] == ["git-checkout-pr", "run-test"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["shop-c", "shop-b", "shop-a"]),
        ({"outcome": "running"}, ["shop-b"]),
        ({"outcome": "queued"}, ["shop-c", "shop-a"]),
        ({"outcome": "success"}, []),
        ({"pipeline": "shop", "event": "push", "namespace": "ci", "text": "SHOP-B"}, ["shop-b"]),
        ({"pipeline": "cart"}, []),
        ({"owner": "web"}, []),
        ({"text": "alice"}, ["shop-c", "shop-b", "shop-a"]),
        ({"limit": 1}, ["shop-c"]),
    ],
)
def test_filters_choose_among_unfinished_runs_too(asked: dict[str, Any], names: list[str]) -> None:
    exporter = Exporter()
    for number, uid in enumerate("abc"):
        raw = workflow(uid, START + number, status={"phase": "Running"})
        exporter.give("workflows", "ADDED", raw)
        if uid == "b":
            exporter.give("pods", "ADDED", running(pod(raw, "run-test", START + 1), START + 2, START + 3))
    runs, count = unfinished(exporter).page(Query(**asked))
    assert [each.name for each in runs] == names
    assert count == (3 if asked == {"limit": 1} else len(names))


def test_a_red_step_of_any_name_shows_its_log_and_metrics_count_no_reading_of_it() -> None:
    exporter = Exporter()
    played = history("a", START, [("git-checkout-pr", "Succeeded", 0), ("lint", "Failed", 1)], {"lint": LOG})
    exporter.play(played)
    run = exporter.ledger.run("ci", "shop-a")
    assert run is not None
    checkout, lint = run.attempts
    assert checkout.log is None
    assert lint.log is not None
    assert lint.log.failed == (
        FailedTest("example.com/add", "TestAdd", (Place("add_test.go", 12, "want 3"),)),
    )
    assert lint.log.lines[-1] == "FAIL    example.com/add 0.1s"
    reads = {key: value for key, value in exporter.totals().items() if key[0] == "hookline_log_reads_total"}
    assert {key[1][-2:] for key in reads} == {("git-checkout-pr", "gone")}


def test_with_no_lines_nothing_of_a_log_is_kept(tmp_path: Any) -> None:
    exporter = Exporter(tmp_path / "ledger.db", log_lines=0)
    exporter.play(history("a", START, FAILED, {"run-test": LOG}))
    run = exporter.ledger.run("ci", "shop-a")
    assert run is not None
    assert [each.log for each in run.attempts] == [None, None]
    exporter.ledger.close()
    assert b"TestAdd" not in (tmp_path / "ledger.db").read_bytes()


def test_what_was_kept_of_logs_goes_where_none_are_wanted_any_more() -> None:
    exporter = Exporter().play(history("a", START, FAILED, {"run-test": LOG}))
    exporter.ledger.forget_logs()
    run = exporter.ledger.run("ci", "shop-a")
    assert run is not None
    assert [(each.step, each.log) for each in run.attempts] == [("git-checkout-pr", None), ("run-test", None)]


def test_a_log_is_shown_again_after_a_restart(tmp_path: Any) -> None:
    exporter = Exporter(tmp_path / "ledger.db").play(history("a", START, FAILED, {"run-test": LOG}))
    before = exporter.ledger.run("ci", "shop-a")
    exporter.ledger.close()
    again = Ledger(tmp_path / "ledger.db", START).run("ci", "shop-a")
    assert before == again
    assert again is not None
    assert again.attempts[1].log is not None


def test_what_logs_show_is_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "KEEP_LOG_ENDS", 3)
    exporter = Exporter().play(history("a", START, FAILED, {"run-test": LOG}))
    run = exporter.ledger.run("ci", "shop-a")
    assert run is not None
    lines = tuple(
        "".join(chr(0x4E00 + (7919 * (line * 300 + each)) % 20_000) for each in range(300))
        for line in range(200)
    )
    failed = tuple(
        FailedTest("p", f"Test{number}", (Place("a.go", 1, lines[number]),)) for number in range(20)
    )
    large = LogEnd(lines, failed, 5)
    for number in range(5):
        attempt = replace(run.attempts[1], uid=f"pod-{number}", finished=START + 1000.0 + number, log=large)
        exporter.ledger.remember_attempt("a", attempt)
    bodies = exporter.ledger._database.execute(
        "SELECT pod, length(body) FROM log_ends ORDER BY pod"
    ).fetchall()
    assert [pod for pod, _ in bodies] == ["pod-2", "pod-3", "pod-4"]
    assert all(size <= MAX_LOG_END_BYTES for _, size in bodies)
    kept = exporter.ledger.shown_attempts("a")[-1].log
    assert kept is not None
    assert kept.lines == lines[len(lines) - len(kept.lines) :]
    assert (len(kept.failed) + kept.more, kept.failed) == (25, failed[: len(kept.failed)])
    assert kept.lines
