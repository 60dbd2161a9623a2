"""Path filters that an event leaves open: who answers them, and what a run is asked."""

import json
from typing import Any

import pytest
from support import DECLARATION, OTHER_SHA, SHA, ZERO, edited, github_push, payload, plan

from documents.diagnostics import InvalidInput
from events.delivery import DeliveryError
from hookline.answers.explanation import Explanation, explain
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import simulate
from hookline.plan.planning import Plan

PR = edited(payload("github/pull_request-opened"), repository__full_name="acme/shop")
OPEN = github_push(forced=True)
EITHER = "{include: [cmd/**, go.mod], exclude: ['**/*.md']}"
ASKED = "exclude ([^/]+/)*[^/]*[.]md\ninclude cmd/.+|go[.]mod"


def planned(events: str, template: str = "hookline-ci-go") -> Plan:
    head = DECLARATION[: DECLARATION.index("    events:")]
    return plan(f"{head}    run: {{template: {template}}}\n    events: {events}\n")


PLAN = planned(f"{{push: {{paths: {EITHER}}}, pull_request: {{paths: {EITHER}}}, tag: {{}}}}")


def answered(body: Any, plan: Plan = PLAN, kind: str = "push", files: list[str] | None = None) -> Explanation:
    options = EventOptions("github", {"X-GitHub-Event": kind})
    return explain(plan, incoming(plan, "event.json", json.dumps(body).encode(), options), "shop", files)


def arguments(found: Explanation) -> dict[str, str]:
    assert found.result.workflow is not None
    return {item["name"]: item["value"] for item in found.result.workflow["spec"]["arguments"]["parameters"]}


def verdict(found: Explanation) -> tuple[str, str, str]:
    return found.result.verdict, found.result.reason, found.result.action


def test_what_an_event_leaves_open_is_asked_of_the_run() -> None:
    found = answered(OPEN)
    assert verdict(found) == ("run", "PATHS", "run")
    assert arguments(found)["paths"] == f"base {OTHER_SHA}\n{ASKED}"
    assert [each.result for each in found.clauses if each.code == "PATHS"] == ["in the run"]
    assert found.result.workflow is not None
    assert found.result.workflow["metadata"]["annotations"]["hookline.dev/reason"] == "PATHS"


def test_a_request_is_asked_about_from_its_target_branch_on() -> None:
    found = answered(edited(PR, pull_request__base__ref="release/#1"), kind="pull_request")
    assert verdict(found) == ("run", "PATHS", "run")
    assert arguments(found)["paths"] == f"base refs/heads/release/#1\n{ASKED}"


@pytest.mark.parametrize("before", [ZERO, None, "x", SHA[:12], f"{SHA}\n", 7])
def test_a_push_without_a_commit_before_it_names_none(before: Any) -> None:
    assert arguments(answered(github_push(before=before, created=True)))["paths"] == ASKED


@pytest.mark.parametrize("target", ["a b", "a..b", "{{workflow.name}}", "-x", "a\nexclude .*", "x" * 201])
def test_a_target_that_no_branch_can_be_called_is_not_handed_over(target: str) -> None:
    assert (
        arguments(answered(edited(PR, pull_request__base__ref=target), kind="pull_request"))["paths"] == ASKED
    )


def test_what_an_event_decides_is_not_asked_again() -> None:
    chosen, other = (
        edited(github_push(), commits=[{"added": [], "modified": [name], "removed": []}])
        for name in ("go.mod", "docs/a")
    )
    assert (verdict(answered(chosen)), arguments(answered(chosen))["paths"]) == (("run", "MATCH", "run"), "")
    assert verdict(answered(other)) == ("skip", "PATHS", "drop")
    # One chosen file is enough, however many are not listed.
    assert arguments(answered(edited(chosen, forced=True)))["paths"] == ""


def test_a_list_of_files_answers_now_what_the_run_would() -> None:
    for files, expected in (
        (["go.mod"], ("run", "MATCH", "run")),
        (["cmd/a.md"], ("skip", "PATHS", "drop")),
        ([], ("skip", "PATHS", "drop")),
    ):
        assert verdict(answered(OPEN, files=files)) == expected
        assert verdict(answered(PR, kind="pull_request", files=files)) == expected


def test_files_of_a_request_that_decide_nothing_are_not_taken() -> None:
    plan = planned("{push: {paths: [go.mod]}, pull_request: {}}")
    with pytest.raises(DeliveryError, match="no pipeline of this repository has paths: under pull_request:"):
        answered(PR, plan, "pull_request", ["go.mod"])


def test_a_name_that_is_too_long_to_be_tried_is_left_to_the_run() -> None:
    assert verdict(answered(OPEN, files=["x" * 1001])) == ("run", "PATHS", "run")


def test_a_line_end_in_the_name_of_a_file_is_a_character_like_any_other() -> None:
    plan = planned("{push: {paths: ['docs/**', 'a?b']}}")
    for name in ("docs/a\nb", "a\nb"):
        assert verdict(answered(OPEN, plan, files=[name])) == ("run", "MATCH", "run")


@pytest.mark.parametrize(
    ("unknown", "expected"), [("run", ("unknown", "PATHS", "run")), ("skip", ("unknown", "PATHS", "drop"))]
)
def test_who_says_what_an_open_filter_means_asks_nobody(unknown: str, expected: tuple[str, str, str]) -> None:
    found = answered(OPEN, planned(f"{{push: {{paths: {{include: [go.mod], unknown: {unknown}}}}}}}"))
    assert verdict(found) == expected
    if expected[2] == "run":
        assert arguments(found)["paths"] == ""


def test_a_template_that_cannot_compare_gets_no_question() -> None:
    found = answered(OPEN, planned("{push: {paths: [go.mod]}}", "ci-go-v1"))
    assert verdict(found) == ("unknown", "PATHS", "run")
    assert "paths" not in arguments(found)


def test_paths_of_a_request_need_a_template_that_can_compare() -> None:
    with pytest.raises(InvalidInput) as refused:
        planned("{pull_request: {paths: [go.mod]}}", "ci-go-v1")
    (problem,) = refused.value.diagnostics
    assert "ci-go-v1 cannot compare them" in problem.message
    assert "hookline-ci-go" in problem.message


def test_a_request_cannot_say_what_an_open_filter_means() -> None:
    with pytest.raises(InvalidInput, match=r"paths\.unknown: unknown key"):
        planned("{pull_request: {paths: {include: [go.mod], unknown: skip}}}")


def test_a_program_whose_runs_answer_nothing_carries_no_word_of_it() -> None:
    texts = [
        each.program.text
        for template in ("ci-go-v1", "hookline-ci-go")
        for sensor in planned("{push: {paths: [go.mod]}}", template).sensors
        for each in sensor.dependencies
        if each.program is not None
    ]
    assert ["def question(" in text for text in texts] == [False, True]


def test_simulate_says_that_the_paths_are_decided_in_the_run() -> None:
    options = EventOptions("github", {"X-GitHub-Event": "push"})
    found = simulate(PLAN, incoming(PLAN, "event.json", json.dumps(OPEN).encode(), options))
    assert [(each.verdict, each.reason) for each in found.results] == [("run", "PATHS")]
