"""Every way in which Argo and Kubernetes say that a step or a run ended, and the word for it."""

from dataclasses import replace
from typing import Any

import pytest
from api_objects import START, at, ended, node, pod, running, with_status, workflow

from runs.facts import Attempt
from runs.objects import Node, Pod, Workflow, pod_of, workflow_of
from runs.outcomes import attempt_outcome, reclaimed, run_outcome
from runs.step_logs.results import ImageBuild, StepLog

RUN = workflow("a", START)


def pod_record(step: str = "run-test", exit_code: int | None = 1, **changes: Any) -> Pod:
    """An ended pod; `containers` stand beside wait and main, `status` and `labels` are added; no exit code: main never ended."""
    raw = pod(RUN, step, START, labels=changes.get("labels", {}))
    raw = running(raw, START + 1, START + 2)
    if exit_code is not None:
        raw = ended(raw, START + 9, exit_code, changes.get("reason", ""))
    raw["status"]["containerStatuses"] += changes.get("containers", [])
    raw["status"] |= changes.get("status", {})
    found = pod_of(raw)
    assert found is not None
    return found


def container(name: str, exit_code: int) -> dict[str, Any]:
    return {
        "name": name,
        "state": {"terminated": {"exitCode": exit_code, "reason": "Error", "finishedAt": at(START + 9)}},
    }


def node_record(phase: str, message: str = "", step: str = "run-test", **more: Any) -> Node:
    raw = with_status(
        RUN,
        "Failed",
        START,
        START + 10,
        [node("shop-a", step, phase, START, START + 9, message=message, **more)],
    )
    found = workflow_of(raw, frozenset())
    assert found is not None
    assert found.nodes
    return found.nodes[0]


def outcome(pod: Pod, node: Node | None = None, *, stopped: bool = False) -> str:
    return attempt_outcome(pod.step, pod, node, None, "", stopped=stopped)


@pytest.mark.parametrize(
    ("pod", "node", "word"),
    [
        # Sidecars: Argo ends them itself; one that failed by itself fails the step, and is not the code.
        (pod_record(exit_code=0, containers=[container("dind", 137)]), node_record("Succeeded"), "success"),
        (pod_record(exit_code=0, containers=[container("dind", 143)]), None, "success"),
        (pod_record(exit_code=0, containers=[container("dind", 1)]), node_record("Failed", "dind: Error (exit code 1)"), "error"),
        (pod_record(exit_code=0, containers=[container("dind", 1)]), None, "error"),
        (pod_record(exit_code=1), node_record("Failed", "dind: Error (exit code 1)"), "error"),
        # Argo's own containers
        (pod_record(exit_code=0, containers=[container("wait", 137)]), None, "error"),
        (pod_record(exit_code=0, containers=[container("supervisor", 1)]), node_record("Error", "supervisor: Error (exit code 1)"), "error"),
        (pod_record(exit_code=65, containers=[container("supervisor", 1)]), None, "error"),
        (pod_record(exit_code=64, containers=[container("supervisor", 1)]), None, "error"),
        (pod_record(exit_code=64, containers=[container("supervisor", 2)]), node_record("Error", "supervisor: Error (exit code 2)"), "error"),
        # The code was red, and then its outputs were missing.
        (pod_record(exit_code=1, containers=[container("wait", 64)]), node_record("Failed", "main: Error (exit code 1)"), "failure"),
        (pod_record(exit_code=1, containers=[container("supervisor", 64)]), node_record("Failed", "main: Error (exit code 1)"), "failure"),
        (pod_record(exit_code=65), node_record("Failed", "main: Error (exit code 65)"), "failure"),
        # The node gave the pod up.
        (pod_record(exit_code=1, status={"reason": "Evicted", "message": "The node was low on resource: memory."}), None, "error"),
        (pod_record(exit_code=1, status={"reason": "NodeShutdown"}), None, "error"),
        (pod_record(exit_code=2, status={"reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown."}), None, "error"),
        (pod_record(exit_code=0, status={"reason": "Evicted"}), node_record("Succeeded"), "success"),
        (pod_record(exit_code=0, status={"reason": "Evicted"}), None, "error"),
        (pod_record(exit_code=0, status={"reason": "Evicted"}), node_record("Failed", "The node was low on resource"), "error"),
        # A main container that ran out of memory, or never began.
        (pod_record(exit_code=1, reason="OOMKilled"), None, "error"),
        (pod_record(exit_code=128, reason="StartError"), None, "error"),
        (pod_record(exit_code=127, reason="ContainerCannotRun"), None, "error"),
        (pod_record(exit_code=255, reason="ContainerStatusUnknown"), None, "error"),
        (pod_record(exit_code=139), None, "failure"),
        # Daemons: Argo ends them when their block is done, and calls one that ended by itself failed.
        (pod_record(exit_code=143), node_record("Succeeded"), "success"),
        (pod_record(exit_code=137), node_record("Succeeded"), "success"),
        (pod_record(exit_code=0), node_record("Failed"), "error"),
        (pod_record(exit_code=0), node_record("Error"), "error"),
        (pod_record(exit_code=0), node_record("Running"), "success"),
        # Time
        (pod_record(exit_code=137, status={"reason": "DeadlineExceeded"}), None, "timeout"),
        (pod_record(exit_code=None, status={"phase": "Pending"}), node_record("Failed", "timeout"), "timeout"),
        (pod_record(exit_code=None, status={"phase": "Pending"}), node_record("Failed", "Step exceeded its deadline"), "timeout"),
        (pod_record(exit_code=None, status={"phase": "Pending"}), node_record("Error", "Pod failed before main container starts due to "
                                                                                      "ImagePullBackOff: context deadline exceeded"), "error"),
        # What a container says of itself is no word of Argo's.
        (pod_record(exit_code=1), node_record("Failed", "main: Error (exit code 1): context Deadline exceeded"), "failure"),
        (pod_record(exit_code=1), node_record("Failed", "main: Error (exit code 1): workflow shutdown with strategy: Stop"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "build-2: Error (exit code 1): Deadline exceeded"), "error"),
        (pod_record(exit_code=None), node_record("Failed", f"{'c' * 63}: Error (exit code 1): Deadline exceeded"), "error"),
        (pod_record(exit_code=None), node_record("Failed", "2: Error (exit code 1): Deadline exceeded"), "error"),
        (pod_record(exit_code=1), node_record("Failed", "Error (exit code 1)"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "main: Error (exit code 999999999): Deadline exceeded"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "left: main: Error (exit code 1)"), "error"),
        # The pod went before its end was seen; its node tells.
        (pod_record(exit_code=None), node_record("Failed", "main: Error (exit code 2)"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "main:  (exit code 2)"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "Error (exit code 2)"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "failed with exit code 2"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "", outputs={"exitCode": "2"}), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "", outputs={"exitCode": "0"}), "error"),
        (pod_record(exit_code=None), node_record("Error", "", outputs={"exitCode": "2"}), "error"),
        (pod_record(exit_code=None), node_record("Failed", "main: OOMKilled (exit code 137)"), "error"),
        (pod_record(exit_code=None), node_record("Failed", "main: OOMKilled (exit code 1)"), "error"),
        (pod_record(exit_code=None), node_record("Error", "init: Error (exit code 1)"), "error"),
        (pod_record(exit_code=None), node_record("Error", "wait: Error (exit code 1): cannot save"), "error"),
        (pod_record(exit_code=None), node_record("Failed", "The node was low on resource: memory.", outputs={"exitCode": "1"}), "error"),
        (pod_record(exit_code=None), node_record("Error", "pod deleted"), "error"),
        # A checkout and an exit handler run no code of the repository.
        (pod_record("git-checkout-pr"), None, "error"),
        (pod_record("onExit"), node_record("Failed", "main: Error (exit code 1)", "onExit"), "error"),
        (pod_record(labels={"workflows.argoproj.io/on-exit": "true"}), None, "error"),
        (pod_record(), node_record("Failed", nodeFlag={"hooked": True}), "error"),
    ],
)  # fmt: skip
def test_an_attempt_has_the_word_for_how_it_ended(pod: Pod, node: Node | None, word: str) -> None:
    assert outcome(pod, node) == word


@pytest.mark.parametrize(("when", "word"), [(START + 5, "error"), (START + 30, "failure")])
def test_a_disruption_counts_only_before_the_code_had_ended(when: float, word: str) -> None:
    target = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "lastTransitionTime": at(when),
    }
    assert outcome(pod_record(status={"conditions": [target]})) == word


@pytest.mark.parametrize(
    "message",
    [
        "Deadline exceeded",
        "Step exceeded its deadline",
        "Max duration limit exceeded",
        "Pod was active on the node longer than the specified deadline",
    ],
)
def test_time_that_ran_out_is_a_timeout_whoever_measured_it(message: str) -> None:
    assert outcome(pod_record(exit_code=None), node_record("Failed", message)) == "timeout"
    assert outcome(pod_record(exit_code=137, status={"message": message})) == "timeout"
    assert run_outcome(run("Failed", [], message=message), [attempt("a", "failure", START + 9)]) == "timeout"


@pytest.mark.parametrize(
    "message",
    [
        "workflow shutdown with strategy: Stop",
        "workflow shutdown with strategy:  Terminate",
        "Stopped with strategy 'Stop'",
    ],
)
def test_what_argo_stopped_is_cancelled(message: str) -> None:
    for exit_code in (None, 0, 1, 143):
        assert outcome(pod_record(exit_code=exit_code), node_record("Failed", message)) == "cancellation"
    assert run_outcome(run("Failed", [], message=message), [attempt("a", "failure", 9)]) == "cancellation"


def test_a_pod_that_ended_before_argo_told_of_the_stop_is_cancelled_only_if_somebody_ended_it() -> None:
    assert outcome(pod_record(exit_code=None), stopped=True) == "cancellation"
    assert outcome(pod_record(exit_code=143), stopped=True) == "cancellation"
    assert outcome(pod_record(exit_code=1), stopped=True) == "failure"
    assert outcome(pod_record(exit_code=143), stopped=False) == "error"
    red = node_record("Failed", "main: Error (exit code 2)")
    assert outcome(pod_record(exit_code=None), red, stopped=True) == "failure"


@pytest.mark.parametrize(
    ("spot", "expired", "notices", "main", "reason"),
    [
        (True, True, set(), None, "BidFailed"),
        (True, True, {"SpotToBeReleased"}, 137, "BidFailed"),
        (True, False, {"SpotToBeReleased"}, None, "evicted"),
        (True, False, {"SpotToBeReleased"}, 143, "evicted"),
        # It had done its work, well or badly, before it was taken.
        (True, True, {"SpotToBeReleased"}, 0, ""),
        (True, False, {"SpotToBeReleased"}, 1, ""),
        (True, False, {"Pulled"}, 137, ""),
        (False, False, {"SpotToBeReleased"}, 137, ""),
        (True, False, set(), None, ""),
    ],
)
def test_a_spot_pod_was_reclaimed_if_the_platform_said_so_before_its_work_was_done(
    *, spot: bool, expired: bool, notices: set[str], main: int | None, reason: str
) -> None:
    pod = replace(pod_record(exit_code=main), spot=spot, expired=expired)
    assert reclaimed(pod, frozenset(notices)) == reason


def test_what_was_taken_away_is_no_fault_of_the_code() -> None:
    red = node_record("Failed", "main: Error (exit code 1)")
    assert attempt_outcome("run-test", pod_record(), red, None, "BidFailed", stopped=False) == "error"
    assert attempt_outcome("run-test", pod_record(), red, None, "", stopped=False) == "failure"


@pytest.mark.parametrize(("infrastructure", "word"), [(True, "error"), (False, "failure")])
def test_a_build_that_failed_by_its_infrastructure_is_no_fault_of_the_code(
    *, infrastructure: bool, word: str
) -> None:
    build = ImageBuild(
        "none", 0, 0, counted=True, local=False, import_seconds=None, export_seconds=None, export="none",
        pulled_bytes=0, exported_layers=0, infrastructure=infrastructure,
    )  # fmt: skip
    pod = pod_record("build-push-image")
    for log in (StepLog("complete", build), StepLog("complete")):
        expected = word if log.image_build else "failure"
        assert attempt_outcome(pod.step, pod, None, log, "", stopped=False) == expected


# Runs


def run(
    phase: str, nodes: list[dict[str, Any]], spec: dict[str, Any] | None = None, message: str = ""
) -> Workflow:
    raw = with_status(workflow("a", START, spec=spec or {}), phase, START, START + 100, nodes)
    raw["status"]["message"] = message
    found = workflow_of(raw, frozenset())
    assert found is not None
    return found


def attempt(name: str, outcome: str, finished: float) -> Attempt:
    """An attempt of the node with that name."""
    return Attempt(
        step="run-test", pod=name, outcome=outcome, capacity="on_demand", platform="eci", created=START, started=START,
        finished=finished, node=name, task=name.partition("(1)")[0].partition("(0)")[0], uid=name,
    )  # fmt: skip


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
@pytest.mark.parametrize("shutdown", ["Stop", "Terminate"])
@pytest.mark.parametrize(
    "nodes",
    [[], [node("shop-a", "run-test", "Pending", START)], [node("shop-a", "run-test", "Omitted", START)]],
)
def test_a_run_that_was_stopped_while_it_waited_for_a_lock_is_cancelled_whatever_argo_writes(
    phase: str, shutdown: str, nodes: list[dict[str, Any]]
) -> None:
    assert run_outcome(run(phase, nodes, {"shutdown": shutdown}), []) == "cancellation"


def test_a_run_that_had_done_its_work_when_it_was_stopped_is_a_success() -> None:
    nodes = [node("shop-a", "run-test", "Succeeded", START, START + 9)]
    assert run_outcome(run("Succeeded", nodes, {"shutdown": "Stop"}), []) == "success"
    assert (
        run_outcome(run("Succeeded", [], {"shutdown": "Stop"}), [attempt("a", "success", START + 9)])
        == "success"
    )
    assert run_outcome(run("Succeeded", []), []) == "success"


def test_a_run_that_was_stopped_at_work_is_cancelled_whatever_its_steps_came_to() -> None:
    red = node("shop-a", "run-test", "Failed", START, START + 9, message="main: Error (exit code 1)")
    assert run_outcome(run("Failed", [red], {"shutdown": "Stop"}), []) == "cancellation"


def test_a_run_of_which_nothing_began_and_that_nobody_stopped_is_an_error() -> None:
    assert run_outcome(run("Failed", [], message="invalid spec"), []) == "error"


@pytest.mark.parametrize(
    ("attempts", "word"),
    [
        # One red item of a matrix, whichever ends last.
        ([("t(0:a)", "failure", 9), ("t(1:b)", "success", 20)], "failure"),
        ([("t(0:a)", "failure", 20), ("t(1:b)", "success", 9)], "failure"),
        ([("t(0:a)", "failure", 9), ("t(1:b)", "error", 20)], "failure"),
        # A retried item counts by its last attempt.
        ([("t(0:a)(0)", "failure", 9), ("t(0:a)(1)", "success", 20), ("t(1:b)", "error", 30)], "error"),
        ([("t(0:a)(0)", "error", 9), ("t(0:a)(1)", "failure", 20), ("t(1:b)(0)", "success", 30)], "failure"),
        ([("t(0:a)(0)", "timeout", 9), ("t(0:a)(1)", "timeout", 20)], "timeout"),
        ([("t(0:a)", "cancellation", 9), ("t(1:b)", "error", 20)], "cancellation"),
    ],
)  # fmt: skip
def test_each_item_of_a_matrix_counts_by_its_last_attempt(
    attempts: list[tuple[str, str, float]], word: str
) -> None:
    found = [attempt(name, outcome, START + end) for name, outcome, end in attempts]
    assert run_outcome(run("Failed", [], message="child 'x' failed"), found) == word


def test_what_nobody_saw_is_told_by_nodes() -> None:
    red = node("shop-a", "run-test", "Failed", START, START + 9, message="main: Error (exit code 1)")
    assert run_outcome(run("Failed", [red]), []) == "failure"
    # A node that never had a pod tells nothing of code.
    assert run_outcome(run("Error", [{**red, "type": "Skipped", "phase": "Error"}]), []) == "error"
    # The last attempt of it was seen, and was taken away.
    first = {**red, "id": "0", "name": "shop-a.run-test(0)"}
    second = attempt("shop-a.run-test(1)", "error", START + 50)
    assert run_outcome(run("Failed", [first]), [second]) == "error"


def test_a_node_of_a_pod_that_was_seen_tells_nothing_more() -> None:
    red = node("shop-a", "run-test", "Failed", START, START + 9, message="main: Error (exit code 1)")
    seen = replace(attempt("shop-a.run-test", "error", START + 8), node=red["id"])
    assert run_outcome(run("Failed", [red]), [seen]) == "error"


def test_the_last_of_the_nodes_of_a_task_is_the_one_that_ended_last() -> None:
    red = node("shop-a", "run-test", "Failed", START, START + 9, message="main: Error (exit code 1)")
    red |= {"id": "b", "name": "shop-a.run-test(0)"}
    well = {
        **node("shop-a", "run-test", "Succeeded", START, START + 50),
        "id": "a",
        "name": "shop-a.run-test(1)",
    }
    assert run_outcome(run("Failed", [red, well]), []) == "error"
    assert run_outcome(run("Failed", [{**red, "finishedAt": None}, well]), []) == "error"
    assert run_outcome(run("Failed", [red, {**well, "finishedAt": at(START + 5)}]), []) == "failure"


def test_an_attempt_whose_end_nobody_saw_counts_from_its_creation() -> None:
    red = attempt("t(0)", "failure", START + 9)
    lost = replace(attempt("t(1)", "error", START), created=START + 20, finished=None)
    assert run_outcome(run("Failed", []), [red, lost]) == "error"


def test_what_does_not_tell_its_task_is_a_task_of_its_own() -> None:
    red, well = attempt("a", "failure", START + 9), attempt("b", "success", START + 20)
    assert run_outcome(run("Failed", []), [replace(each, task="") for each in (red, well)]) == "failure"
    unknown = [replace(red, task="", node=""), replace(well, task="", node="", step="other")]
    assert run_outcome(run("Failed", []), unknown) == "failure"
    failed = node("shop-a", "run-test", "Failed", START, START + 9, message="main: Error (exit code 1)")
    nameless = [
        {**failed, "name": ""},
        {**failed, "id": "z", "name": "", "phase": "Succeeded", "message": ""},
    ]
    assert run_outcome(run("Failed", nameless), []) == "failure"


def test_a_run_whose_nodes_cannot_be_read_is_told_by_its_attempts() -> None:
    unread = replace(run("Failed", []), nodes=None)
    assert run_outcome(unread, []) == "error"
    assert run_outcome(unread, [attempt("a", "failure", START + 9)]) == "failure"


def test_a_run_is_skipped_only_if_everything_was() -> None:
    skipped = {**node("shop-a", "run-test", "Skipped", START, START + 1), "type": "Skipped"}
    group = {**node("shop-a", "main", "Succeeded", START, START + 1), "type": "DAG"}
    http = {**node("shop-a", "notify", "Succeeded", START, START + 1), "type": "HTTP"}
    hit = {
        **node("shop-a", "memo", "Succeeded", START, START + 1),
        "type": "Retry",
        "memoizationStatus": {"hit": True},
    }
    assert run_outcome(run("Succeeded", [skipped, group]), []) == "skip"
    assert run_outcome(run("Succeeded", [{**skipped, "phase": "Omitted"}]), []) == "skip"
    assert run_outcome(run("Succeeded", [skipped, group, http]), []) == "success"
    assert run_outcome(run("Succeeded", [skipped, hit]), []) == "success"
    assert run_outcome(run("Succeeded", [group]), []) == "success"


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("Max duration limit exceeded", "timeout"),
        ("Stopped with strategy 'Terminate'", "cancellation"),
        ("main: Error (exit code 1): Stopped with strategy 'x', Deadline exceeded", "failure"),
    ],
)
def test_the_message_of_a_run_counts_where_it_is_argos_own(message: str, word: str) -> None:
    assert run_outcome(run("Failed", [], message=message), [attempt("a", "failure", START + 9)]) == word


def test_an_attempt_of_a_retry_is_not_looked_up_twice_in_the_memoization_cache() -> None:
    retry = {
        **node("shop-a", "m", "Succeeded", START, START + 1),
        "id": "r",
        "type": "Retry",
        "memoizationStatus": {"hit": False},
    }
    child = {**retry, "id": "c", "type": "Pod", "nodeFlag": {"retried": True}}
    assert run("Succeeded", [retry, child]).memoization == (0, 1)


def test_a_run_whose_first_step_says_that_there_is_nothing_to_do_is_skipped() -> None:
    def told(reason: str, **more: Any) -> dict[str, Any]:
        outputs = {"parameters": [{"name": "skip-reason", "value": reason}]}
        return node("shop-a", "git-checkout-pr", "Succeeded", START, START + 4, outputs=outputs, **more)

    def ended(step: str, phase: str, **more: Any) -> dict[str, Any]:
        return {
            **node("shop-a", step, phase, START + 4, START + 4, **more),
            "type": "Skipped" if phase == "Skipped" else "Pod",
        }

    rest = [ended("run-test", "Skipped"), ended("build-push-image", "Skipped")]
    lost = {**ended("git-checkout-pr", "Failed", attempt="(0)"), "name": "shop-a.git-checkout-pr(0)"}
    again = {**told("PATHS", attempt="(1)"), "name": "shop-a.git-checkout-pr(1)"}
    handler = {**ended("onExit", "Succeeded"), "name": "shop-a.onExit"}
    assert run_outcome(run("Succeeded", [told("PATHS"), *rest]), []) == "skip"
    assert run_outcome(run("Succeeded", [lost, again, *rest]), []) == "skip"
    assert run_outcome(run("Succeeded", [told("PATHS"), *rest, handler]), []) == "skip"
    assert run_outcome(run("Succeeded", [told(""), *rest]), []) == "success"
    assert (
        run_outcome(run("Succeeded", [told("PATHS"), rest[0], ended("build-push-image", "Succeeded")]), [])
        == "success"
    )
    assert (
        run_outcome(
            run("Failed", [told("PATHS"), ended("run-test", "Failed", message="main: Error (exit code 1)")]),
            [],
        )
        == "failure"
    )
