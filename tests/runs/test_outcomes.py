"""Every way in which Argo and Kubernetes say that a step or a run ended, and the word for it."""

from typing import Any

import pytest
from api_objects import START, at, ended, node, pod, running, with_status, workflow

from runs.facts import Attempt
from runs.objects import Node, Pod, Workflow, pod_of, workflow_of
from runs.outcomes import attempt_outcome, run_outcome

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
        # Argo's own containers
        (pod_record(exit_code=0, containers=[container("wait", 137)]), None, "error"),
        (pod_record(exit_code=0, containers=[container("supervisor", 1)]), node_record("Error", "supervisor: Error (exit code 1)"), "error"),
        (pod_record(exit_code=65, containers=[container("supervisor", 1)]), None, "error"),
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
        (pod_record(exit_code=0, status={"reason": "Evicted"}), node_record("Failed", "The node was low on resource"), "error"),
        # A main container that ran out of memory, or never began.
        (pod_record(exit_code=1, reason="OOMKilled"), None, "error"),
        (pod_record(exit_code=128, reason="StartError"), None, "error"),
        (pod_record(exit_code=139), None, "failure"),
        # Daemons: Argo ends them when their block is done, and calls one that ended by itself failed.
        (pod_record(exit_code=143), node_record("Succeeded"), "success"),
        (pod_record(exit_code=137), node_record("Succeeded"), "success"),
        (pod_record(exit_code=0), node_record("Failed"), "error"),
        # Time
        (pod_record(exit_code=137, status={"reason": "DeadlineExceeded"}), None, "timeout"),
        (pod_record(exit_code=None, status={"phase": "Pending"}), node_record("Failed", "timeout"), "timeout"),
        (pod_record(exit_code=None, status={"phase": "Pending"}), node_record("Failed", "Step exceeded its deadline"), "timeout"),
        (pod_record(exit_code=None, status={"phase": "Pending"}), node_record("Error", "Pod failed before main container starts due to "
                                                                                      "ImagePullBackOff: context deadline exceeded"), "error"),
        # What a container says of itself is no word of Argo's.
        (pod_record(exit_code=1), node_record("Failed", "main: Error (exit code 1): context Deadline exceeded"), "failure"),
        (pod_record(exit_code=1), node_record("Failed", "main: Error (exit code 1): workflow shutdown"), "failure"),
        # The pod went before its end was seen; its node tells.
        (pod_record(exit_code=None), node_record("Failed", "main: Error (exit code 2)"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "main:  (exit code 2)"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "Error (exit code 2)"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "failed with exit code 2"), "failure"),
        (pod_record(exit_code=None), node_record("Failed", "", outputs={"exitCode": "2"}), "failure"),
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


def test_a_pod_that_was_stopped_is_cancelled() -> None:
    assert (
        outcome(
            pod_record(exit_code=143), node_record("Failed", "workflow shutdown with strategy:  Terminate")
        )
        == "cancellation"
    )
    assert outcome(pod_record(exit_code=None), None, stopped=True) == "cancellation"


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
