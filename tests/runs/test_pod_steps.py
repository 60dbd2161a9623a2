"""A run whose steps are containers of one pod counts as one whose steps are pods: recorded on the node of tests/node (tests/data/one-pod)."""

import copy
import json
from datetime import datetime
from typing import Any

import pytest
from counting_core import Exporter
from support import ROOT

from runs.objects import Pod, Workflow, pod_of, workflow_of
from runs.outcomes import run_outcome
from runs.pod_steps import dependencies_of
from runs.reports.run_details import details_of
from runs.reports.status import status_of
from runs.steps_of_nodes import steps_of

STEPS = ("git-checkout-pr", "run-test", "build-push-image")


def recorded(name: str) -> Any:
    return json.loads((ROOT / f"tests/data/one-pod/{name}.json").read_text("utf-8"))


def played(found: Any, **configuration: Any) -> Exporter:
    exporter = Exporter(**configuration)
    for each in found["pods"]:
        exporter.give("pods", "ADDED", each)
    exporter.give("workflows", "ADDED", found["workflow"])
    exporter.sync()
    return exporter


def workflow(found: Any) -> Workflow:
    record = workflow_of(found["workflow"], frozenset())
    assert record is not None
    return record


def steps(found: Any) -> dict[str, Pod]:
    (raw,) = found["pods"]
    pod = pod_of(raw)
    assert pod is not None
    return {each.step: each for each in pod.steps}


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_each_step_began_when_the_one_before_had_ended() -> None:
    found = steps(recorded("green"))
    (raw,) = recorded("green")["pods"]
    ends = {
        each["name"]: seconds(each["state"]["terminated"]["finishedAt"])
        for each in raw["status"]["containerStatuses"]
    }
    assert [*found] == [*STEPS]
    assert found["run-test"].main_started == ends["git-checkout-pr"]
    assert found["build-push-image"].main_started == ends["run-test"]
    assert [each.main_finished for each in found.values()] == [ends[step] for step in STEPS]
    assert {each.container for each in found.values()} == {*STEPS}
    assert len({each.uid for each in found.values()}) == 3


def test_what_the_pod_cost_is_divided_and_no_second_of_it_is_counted_twice() -> None:
    found = recorded("green")
    (raw,) = found["pods"]
    pod = pod_of(raw)
    assert pod is not None
    assert pod.ended is not None
    assert pod.billed_from is not None
    times = {step: (each.ended or 0.0) - (each.billed_from or 0.0) for step, each in steps(found).items()}
    assert sum(
        time * each.share for time, each in zip(times.values(), steps(found).values(), strict=True)
    ) == (pytest.approx(pod.ended - pod.billed_from))


@pytest.mark.parametrize(
    ("name", "outcome", "attempts"),
    [
        ("green", "success", ["success", "success", "success"]),
        ("red", "failure", ["success", "failure"]),
        ("killed", "error", ["success", "error"]),
        ("stopped", "cancellation", ["success", "cancellation"]),
        ("late", "timeout", ["success", "timeout"]),
        ("switched-off", "success", ["success", None, "success"]),
    ],
)
def test_a_run_ends_as_its_first_failed_step_did_and_later_steps_are_no_attempts(
    name: str, outcome: str, attempts: list[str | None]
) -> None:
    found = recorded(name)
    exporter = played(found)
    assert exporter.value("runs_total", "shop", "manual", outcome) == 1
    for step, word in zip(STEPS, [*attempts, None, None], strict=False):
        counts = {
            each: exporter.value("step_attempts_total", "shop", step, each, "on_demand") or 0
            for each in ("success", "failure", "error", "timeout", "cancellation")
        }
        assert {each for each, count in counts.items() if count} == ({word} if word else set())
    # Who knows the Workflow alone says the same.
    assert run_outcome(workflow(found), ()) == outcome


def test_only_the_first_step_of_a_pod_waited_for_a_pod() -> None:
    exporter = played(recorded("green"))
    pending = {step: exporter.value("step_pending_seconds", step, "on_demand") for step in STEPS}
    assert [0 if found is None else sum(found.counts) for found in pending.values()] == [1, 0, 0]


def test_a_status_names_the_step_that_failed_first_and_its_test() -> None:
    status = status_of(workflow(recorded("red")), "ci", "")
    assert "failed in run-test" in status.description
    details = details_of(workflow(recorded("red")))
    assert [(each.name, each.result) for each in details.steps] == [
        ("git-checkout-pr", "passed"),
        ("run-test", "failed"),
        ("build-push-image", "skipped"),
    ]
    assert [each.title for each in details.failing_tests] != []


def test_caches_are_told_of_the_step_that_has_them() -> None:
    found = {each.name: each.cache for each in details_of(workflow(recorded("green"))).steps}
    assert found["git-checkout-pr"] == ""
    assert found["run-test"].startswith("Go modules")
    assert found["build-push-image"].startswith("image")


def test_a_pod_that_was_lost_takes_the_step_that_ran_and_none_that_waited() -> None:
    """Deleted while tests ran: the checkout's result stays."""
    found = recorded("killed")
    (raw,) = found["pods"]
    raw["status"]["phase"] = "Running"
    for each in raw["status"]["containerStatuses"]:
        if each["name"] != "git-checkout-pr":
            each["state"] = {"running": {"startedAt": raw["status"]["startTime"]}}
    exporter = Exporter()
    exporter.give("pods", "ADDED", raw)
    exporter.give("pods", "DELETED", raw)
    exporter.give("workflows", "ADDED", found["workflow"])
    exporter.sync()
    assert exporter.value("step_attempts_total", "shop", "git-checkout-pr", "success", "on_demand") == 1
    assert exporter.value("step_attempts_total", "shop", "run-test", "error", "on_demand") == 1
    assert not exporter.value("step_attempts_total", "shop", "build-push-image", "error", "on_demand")


def test_steps_beside_each_other_share_what_the_pod_cost() -> None:
    found = recorded("green")
    (raw,) = found["pods"]
    template = {
        "containerSet": {
            "containers": [{"name": "a"}, {"name": "b"}, {"name": "c", "dependencies": ["a", "b"]}]
        }
    }
    raw["spec"]["initContainers"][0]["env"] = [{"name": "ARGO_TEMPLATE", "value": json.dumps(template)}]
    begin = "2026-11-27T10:00:00Z"

    def ended(name: str, at: str) -> dict[str, Any]:
        return {"name": name, "state": {"terminated": {"exitCode": 0, "startedAt": begin, "finishedAt": at}}}

    raw["status"].pop("initContainerStatuses")
    raw["status"] |= {
        "startTime": begin,
        "containerStatuses": [
            ended("a", "2026-11-27T10:00:10Z"),
            ended("b", "2026-11-27T10:00:20Z"),
            ended("c", "2026-11-27T10:00:30Z"),
        ],
    }
    made = steps(found)
    assert made["c"].main_started == seconds("2026-11-27T10:00:20Z")
    assert [each.share for each in made.values()] == [pytest.approx(30 / 40)] * 3


@pytest.mark.parametrize(
    "value",
    [None, 7, "", "{", "[]", '{"containerSet": 7}', '{"containerSet": {"containers": [7, {"name": 7}, {}]}}',
     '{"containerSet": {"containers": [{"name": "a", "dependencies": [7, "b"]}]}}'],
)  # fmt: skip
def test_what_is_no_template_of_a_set_names_no_steps_or_no_unknown_ones(value: Any) -> None:
    spec = {"initContainers": [{"env": [{"name": "ARGO_TEMPLATE", "value": value}]}]}
    assert set(dependencies_of(spec)) <= {"a"}
    assert not any(dependencies_of(spec).values())


def test_a_pod_with_one_step_stays_one_record() -> None:
    (raw,) = copy.deepcopy(recorded("green")["pods"])
    raw["spec"]["initContainers"] = []
    pod = pod_of(raw)
    assert pod is not None
    assert pod.steps == ()


def test_nodes_of_ordinary_pods_are_left_as_they_are() -> None:
    nodes = workflow(recorded("green")).nodes or ()
    pods = [each for each in nodes if each.type == "Pod"]
    assert steps_of(pods) == tuple(pods)
