"""GitHub's merge queue: each group is checked once, at the commit that the queue waits for, and pushes no image."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support import DECLARATION, OTHER_SHA, SHA, edited, github_push, plan

from documents.diagnostics import InvalidInput
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import Result, simulate
from hookline.answers.webhooks import webhooks
from hookline.plan.planning import Plan

PUBLIC = Path(__file__).parents[1] / "data/public/payloads.zip"
QUEUE = f"refs/heads/gh-readonly-queue/main/pr-104-{OTHER_SHA}"
PUSH = github_push(ref=QUEUE, before="0" * 40, created=True, sender__login="github-merge-queue[bot]")

with zipfile.ZipFile(PUBLIC) as archive:
    # GitHub's own example of the event.
    GROUP = edited(
        json.loads(archive.read("octokit/merge_group-00.json")),
        repository__full_name="acme/shop",
        merge_group__head_ref=QUEUE,
        merge_group__head_sha=SHA,
    )


def made(events: str, template: str = "hookline-ci-go") -> Plan:
    head = DECLARATION[: DECLARATION.index("    events:")]
    return plan(f"{head}    run: {{template: {template}}}\n    events: {{{events}}}\n")


def result(planned: Plan, body: Any, kind: str) -> Result:
    options = EventOptions(source="github", headers={"X-GitHub-Event": kind})
    event = incoming(planned, "event.json", json.dumps(body).encode(), options)
    (found,) = simulate(planned, event).results
    return found


def verdict(events: str, body: Any, kind: str) -> str:
    found = result(made(events), body, kind)
    return f"{found.verdict} {found.reason}"


def test_a_group_is_built_once_whichever_of_the_two_deliveries_comes() -> None:
    planned = made("push: {branches: [main]}, pull_request: {}, merge_group: {into: [main]}")
    push, group = result(planned, PUSH, "push"), result(planned, GROUP, "merge_group")
    for found in (push, group):
        assert (found.verdict, found.reason, found.pushes) == ("run", "MATCH", "")
    assert push.workflow is not None
    assert group.workflow is not None
    assert push.workflow["metadata"]["name"] == group.workflow["metadata"]["name"]
    assert push.workflow["spec"] == group.workflow["spec"]
    assert push.workflow["metadata"]["labels"]["hookline.dev/event-kind"] == "merge_group"
    given = {each["name"]: each["value"] for each in group.workflow["spec"]["arguments"]["parameters"]}
    assert (given["revision"], given["ref"], given["publish"]) == (SHA, QUEUE, "false")
    assert given["target_branch"] == QUEUE.removeprefix("refs/heads/")


def test_the_commit_is_published_when_it_is_merged() -> None:
    planned = made("push: {branches: [main]}, merge_group: {}")
    merged = result(planned, github_push(), "push")
    queued = result(planned, PUSH, "push")
    assert (merged.pushes, queued.pushes) == ("registry.example.com/acme/shop", "")
    assert merged.workflow is not None
    assert queued.workflow is not None
    assert merged.workflow["metadata"]["name"] != queued.workflow["metadata"]["name"]


def test_another_commit_of_a_group_is_another_run() -> None:
    planned = made("merge_group: {}")
    names = set()
    for body in (GROUP, edited(GROUP, merge_group__head_sha="a" * 40)):
        found = result(planned, body, "merge_group")
        assert found.workflow is not None
        names.add(found.workflow["metadata"]["name"])
    assert len(names) == 2


@pytest.mark.parametrize(
    "push", ["push: {}", 'push: {branches: ["**"]}', 'push: {branches: ["gh-readonly-queue/**"]}']
)
def test_a_push_takes_no_branch_of_a_queue(push: str) -> None:
    assert verdict(push, PUSH, "push") == "skip EVENT"
    assert verdict(f"{push}, merge_group: {{}}", PUSH, "push") == "run MATCH"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("merge_group", edited(GROUP, action="destroyed", reason="merged"), "skip DELETED"),
        ("push", edited(PUSH, after="0" * 40, deleted=True, created=False), "skip DELETED"),
        ("merge_group", edited(GROUP, merge_group__base_ref="refs/heads/next"), "skip INTO"),
        ("push", edited(PUSH, ref=QUEUE.replace("main", "next")), "skip INTO"),
        ("push", edited(PUSH, ref="refs/heads/gh-readonly-queue/x"), "skip INTO"),
        ("merge_group", edited(GROUP, merge_group__head_sha=None), "skip COMMIT"),
        ("merge_group", edited(GROUP, merge_group__head_ref=None), "skip REF"),
        ("merge_group", edited(GROUP, merge_group__head_ref="refs/tags/v1"), "skip REF"),
        ("merge_group", edited(GROUP, merge_group=None), "skip REF"),
        ("merge_group", edited(GROUP, merge_group__head_commit__message="[skip ci]"), "run MATCH"),
    ],
)
def test_what_asks_for_no_check_starts_nothing(kind: str, body: Any, expected: str) -> None:
    assert verdict("merge_group: {into: [main]}", body, kind) == expected


def test_a_queue_of_a_branch_with_a_slash_is_known_by_both_deliveries() -> None:
    ref = QUEUE.replace("main", "release/1.2")
    group = edited(GROUP, merge_group__head_ref=ref, merge_group__base_ref="refs/heads/release/1.2")
    for kind, body in (("push", edited(PUSH, ref=ref)), ("merge_group", group)):
        assert verdict('merge_group: {into: ["release/*"]}', body, kind) == "run MATCH"
        assert verdict("merge_group: {into: [main]}", body, kind) == "skip INTO"


def test_a_stock_template_that_would_publish_a_group_says_so() -> None:
    planned = made("push: {branches: [main]}, merge_group: {}", "ci-go-v1")
    (told,) = [each for each in planned.warnings if "cannot build without pushing" in each.message]
    assert told.field == "pipelines.shop.events.merge_group"
    assert result(planned, PUSH, "push").pushes == "registry.example.com/acme/shop"
    quiet = made("push: {branches: [main]}, merge_group: {publish: true}", "ci-go-v1")
    assert [each for each in quiet.warnings if "cannot build" in each.message] == []


def test_a_host_without_such_events_says_where_to_read_on() -> None:
    text = DECLARATION.replace("host: github", "host: gitlab").replace(
        "push: {branches: [main]}", "merge_group: {}"
    )
    with pytest.raises(InvalidInput, match=r"GitLab sends no merge_group events; hookline docs merge-queues"):
        plan(text)


def test_the_box_to_tick_at_github_is_named() -> None:
    (found,) = [each for each in webhooks(made("merge_group: {}")).items if each.endpoint.name == "github"]
    assert [each.label for each in found.choices] == ["Merge groups"]
