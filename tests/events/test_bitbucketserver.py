"""Bitbucket Data Center: how its deliveries read as canonical events, and what they start.

The payloads were captured by others (tests/data/README.md); one of them is of a real request from a fork.
"""

import json
from typing import Any

import pytest
from host_cases import canonical, check, decided
from support import SHA, ZERO, data, edited, payload, plan

from events.delivery import BusEvent
from hookline.answers.simulation import simulate

PUSH, TAG, OPENED, UPDATED, MOVED, FORK = (
    payload(f"bitbucketserver/{name}")
    for name in (
        "push",
        "push_tag_create",
        "pr_open",
        "pr_from_ref_updated",
        "pr_modified_toref",
        "pr_modified_meta",
    )
)
CHANGE = PUSH["changes"][0]
HEAD = CHANGE["toHash"]
COMMIT = {"id": HEAD, "message": "Fix\n\n[skip ci]"}
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "push",
        PUSH,
        {
            "kind": "push",
            "repository": "PRJ/my-repo",
            "ref": "refs/heads/master",
            "branch": "master",
            "sha": HEAD,
            "before": "5c64a07cd6c0f21b753bf261ef059c7e7633c50a",
            "created": False,
            "deleted": False,
            "forced": None,
            "actor": "jcitizen",
            "message": None,
            "files": None,
            "files_complete": False,
            "delivery": "d-1",
        },
    ),
    ("push of a newer version", {**PUSH, "toCommit": COMMIT}, {"message": "Fix", "skip_marker": "[skip ci]"}),
    ("the commit of another change", {**PUSH, "toCommit": {**COMMIT, "id": SHA}}, {"message": None, "skip_marker": None}),
    ("new branch", payload("bitbucketserver/push_branch_create"), {"branch": "develop", "created": True}),
    ("deleted branch", payload("bitbucketserver/push_branch_delete"), {"branch": "develop", "deleted": True}),
    ("a branch with a slash, in a personal repository", payload("bitbucketserver/repo-refs-changed"), {"branch": "feature/wip", "deleted": True, "repository": "~gopher/webhook-test"}),
    ("deleted, by zeros alone", edited(PUSH, changes=[{**CHANGE, "toHash": ZERO}]), {"deleted": True}),
    ("tag", TAG, {"kind": "tag", "tag": "v1.1.0", "created": True, "sha": HEAD}),
    ("deleted tag", payload("bitbucketserver/push_tag_delete"), {"kind": "tag", "deleted": True}),
    ("no changes", edited(PUSH, changes=[]), {"kind": "other", "repository": "PRJ/my-repo"}),
    (
        "opened",
        OPENED,
        {
            "kind": "pull_request",
            "repository": "PRJ/my-repo",
            "ref": None,
            "sha": "208b0a5c05eddadad01f2aed8802fe0c3b3eaf5e",
            "branch": "develop",
            "occurrence": None,
            "pull_request.action": "opened",
            "pull_request.number": 2,
            "pull_request.base_ref": "master",
            "pull_request.head_repository": "PRJ/my-repo",
            "pull_request.fork": False,
            "pull_request.draft": False,
            "pull_request.merged": False,
        },
    ),
    ("new commits", UPDATED, {"pull_request.action": "updated", "occurrence": "1637661772258"}),
    ("another target", MOVED, {"pull_request.action": "retargeted", "pull_request.base_ref": "master"}),
    ("an edit of the title alone", FORK, {"pull_request.action": "modified", "pull_request.fork": True, "repository": "PRJ/my-repo"}),
    ("ready", {**FORK, "previousDraft": True}, {"pull_request.action": "ready"}),
    ("a draft still", {**FORK, "previousDraft": True, "pullRequest": {**FORK["pullRequest"], "draft": True}}, {"pull_request.action": "modified", "pull_request.draft": True}),
    ("declined", payload("bitbucketserver/pr_declined"), {"pull_request.action": "closed", "pull_request.merged": False}),
    ("deleted", payload("bitbucketserver/pr_deleted"), {"pull_request.action": "closed"}),
    ("merged", payload("bitbucketserver/pr_merged"), {"pull_request.action": "merged", "pull_request.merged": True}),
    ("review", edited(OPENED, eventKey="pr:reviewer:approved"), {"pull_request.action": "reviewer:approved"}),
    ("comment on a commit", {"eventKey": "repo:comment:added", "repository": PUSH["repository"]}, {"kind": "other"}),
    ("a request without its request", {"eventKey": "pr:opened"}, {"kind": "other", "repository": None}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_delivery_is_read(body: Any, expected: dict[str, Any]) -> None:
    check(canonical("bitbucketserver", body, X_Event_Key=body["eventKey"], X_Request_Id="d-1"), expected)


def test_the_test_of_a_webhook_is_a_ping() -> None:
    assert canonical("bitbucketserver", {"test": True}, X_Event_Key="diagnostics:ping")["kind"] == "ping"


FOREIGN = [
    ("a fork", FORK),
    ("another repository", edited(OPENED, pullRequest__fromRef__repository__id=7)),
    ("a repository without a number", edited(OPENED, pullRequest__fromRef__repository__id=None)),
    ("no repository", edited(OPENED, pullRequest__fromRef__repository=...)),
    (
        "the number of another repository",
        edited(OPENED, pullRequest__fromRef__repository__project__key="~MALLORY"),
    ),
    ("no target", edited(OPENED, pullRequest__toRef=...)),
    ("a head that is no branch", edited(OPENED, pullRequest__fromRef__id="refs/pull-requests/2/from")),
    ("no head", edited(OPENED, pullRequest__fromRef__id=None)),
]


@pytest.mark.parametrize("body", [case[1] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_what_cannot_be_proven_to_come_from_inside_is_foreign(body: Any) -> None:
    found = canonical("bitbucketserver", body)
    assert (found["kind"], found["pull_request"]["fork"]) == ("pull_request", True)
    opened = {
        **edited(body, eventKey="pr:opened"),
        "repository": OPENED["pullRequest"]["toRef"]["repository"],
    }
    assert decided("bitbucketserver", opened, {"pull_request": {}})["reason"] == "FORKS"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PUSH, "MATCH"),
        (TAG, "MATCH"),
        (OPENED, "MATCH"),
        (UPDATED, "MATCH"),
        (MOVED, "MATCH"),
        (payload("bitbucketserver/pr_merged"), "ACTION"),
        (payload("bitbucketserver/pr_declined"), "ACTION"),
        (edited(OPENED, eventKey="pr:comment:added"), "ACTION"),
        ({**OPENED, "pullRequest": {**OPENED["pullRequest"], "draft": True}}, "DRAFTS"),
        (edited(OPENED, pullRequest__title="x [skip ci]"), "SKIP_MARKERS"),
        (edited(OPENED, pullRequest__fromRef__id="refs/heads/$(id)"), "REF"),
        (payload("bitbucketserver/push_branch_delete"), "DELETED"),
        ({**PUSH, "toCommit": COMMIT}, "SKIP_MARKERS"),
        (edited(PUSH, changes=[edited(CHANGE, ref__id="refs/heads/-x")]), "REF"),
        (edited(PUSH, changes=[edited(CHANGE, ref__id="refs/heads/{{workflow.name}}")]), "REF"),
        (edited(PUSH, changes=[edited(CHANGE, toHash="master")]), "COMMIT"),
    ],
)
def test_a_delivery_starts_what_it_should(body: Any, reason: str) -> None:
    assert decided("bitbucketserver", body, {"push": {}, "tag": {}, "pull_request": {}})["reason"] == reason


DECLARATION = """\
version: 1
cluster: {namespace: ci, image: "registry.example.com/hookline@sha256:%s"}
sources:
  dc: {host: bitbucketserver, endpoint: /dc, secret: {name: hooks, key: dc}}
pipelines:
  shop:
    repository: {source: dc, name: prj/my-repo, url: https://bitbucket.example.com/scm/prj/my-repo.git}
    run: {template: hookline-ci-go}
    image: registry.example.com/shop
    events: {push: {}, tag: {}}
"""


def test_each_branch_and_tag_of_a_delivery_starts_a_run_whatever_case_the_project_is_written_in() -> None:
    made = plan(DECLARATION % ("0" * 64))
    other = edited(CHANGE, ref__id="refs/heads/develop", toHash=SHA)
    body = edited(PUSH, changes=[CHANGE, other, TAG["changes"][0]])
    event = json.loads(data("bitbucketserver", body))
    context = {"id": "delivered-1", "time": "2026-11-24T02:30:00Z"}
    found = simulate(made, BusEvent(made.endpoints["dc"].event_source, "dc", event, context))
    refs = [
        each.workflow["metadata"]["annotations"]["hookline.dev/ref"]
        for each in found.results
        if each.workflow
    ]
    assert refs == ["refs/heads/master", "refs/heads/develop", "refs/tags/v1.1.0"]
    assert len(found.fan_outs) == 1


def test_deliveries_of_one_event_are_one_and_later_commits_are_another() -> None:
    rules: dict[str, Any] = {"push": {}, "pull_request": {}}
    for body in (PUSH, OPENED, UPDATED):
        events = [decided("bitbucketserver", body, rules, X_Request_Id=each)["event"] for each in ("1", "2")]
        assert events[0] == events[1]
    later = edited(UPDATED, pullRequest__updatedDate=1637661999999)
    assert (
        decided("bitbucketserver", UPDATED, rules)["event"]
        != decided("bitbucketserver", later, rules)["event"]
    )
