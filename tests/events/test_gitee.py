"""Gitee: how its deliveries read as canonical events, and what they start.

The payloads were captured by others from gitee.com (tests/data/README.md). No delivery from a fork is among them.
"""

from typing import Any

import pytest
from host_cases import canonical, check, decided
from support import OTHER_SHA, SHA, edited, payload

from documents.globs import expression

PUSH, TAG, REQUEST = (payload(f"gitee/{name}") for name in ("push", "tag_create", "pr_open"))
UPDATE = payload("gitee/pr_update")
HEAD = REQUEST["pull_request"]["head"]
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "push",
        PUSH,
        {
            "kind": "push",
            "repository": "kit101/drone-yml-test",
            "ref": "refs/heads/feat-2-1",
            "branch": "feat-2-1",
            "sha": "9921e45e570db8e57e544650baf837932fb2100f",
            "before": "6168d9dae737b47f00c59fafca10c913a6850c3a",
            "created": False,
            "deleted": False,
            "actor": "kit101",
            "message": "feat-2-1",
            "files": ["modify.txt"],
            "files_complete": True,
            "occurrence": "2021-10-08T17:53:18+08:00",
        },
    ),
    (
        "new branch",
        payload("gitee/push_branch_create"),
        {"kind": "push", "created": True, "files": [], "files_complete": False, "message": "feat-2"},
    ),
    (
        "deleted branch",
        payload("gitee/push_branch_delete"),
        {"kind": "push", "deleted": True, "message": None, "files": []},
    ),
    ("deleted by zeros alone", edited(PUSH, after="0" * 40, deleted=...), {"deleted": True}),
    ("more than ten commits", edited(PUSH, commits_more_than_ten=True), {"files_complete": False}),
    ("eleven commits of which one is listed", edited(PUSH, total_commits_count=11), {"files_complete": False}),
    (
        "lists that are null",
        edited(PUSH, commits=[{"added": None, "modified": ["a"], "removed": None}]),
        {"files": ["a"], "files_complete": False},
    ),
    ("a name for people", edited(PUSH, repository__full_name="Kit/Test"), {"repository": "kit101/drone-yml-test"}),
    (
        "tag",
        TAG,
        {"kind": "tag", "tag": TAG["ref"].removeprefix("refs/tags/"), "sha": TAG["head_commit"]["id"], "created": True},
    ),
    ("annotated tag", edited(TAG, after="d" * 40), {"kind": "tag", "sha": TAG["head_commit"]["id"]}),
    ("deleted tag", payload("gitee/tag_delete"), {"kind": "tag", "deleted": True, "sha": "0" * 40}),
    (
        "opened",
        REQUEST,
        {
            "kind": "pull_request",
            "repository": "kit101/drone-yml-test",
            "ref": "refs/pull/9/head",
            "sha": "dc8fa2ebe050d63f639c5b834311e96bc2303523",
            "branch": "feat-3",
            "occurrence": None,
            "pull_request.action": "opened",
            "pull_request.number": 9,
            "pull_request.base_ref": "master",
            "pull_request.head_repository": "kit101/drone-yml-test",
            "pull_request.draft": False,
            "pull_request.fork": False,
            "pull_request.merged": False,
        },
    ),
    (
        "new commits",
        UPDATE,
        {"pull_request.action": "updated", "occurrence": "2021-10-08T17:36:07+08:00", "pull_request.number": 7},
    ),
    ("another target", edited(UPDATE, action_desc="target_branch_changed"), {"pull_request.action": "retargeted"}),
    ("labeled", payload("gitee/pr_labeled"), {"pull_request.action": "update_label", "occurrence": None}),
    ("an update that says nothing more", edited(UPDATE, action_desc=None), {"pull_request.action": "update"}),
    ("opened again", edited(REQUEST, action="reopen"), {"pull_request.action": "reopened"}),
    ("closed", payload("gitee/pr_close"), {"pull_request.action": "closed", "pull_request.merged": False}),
    ("merged", payload("gitee/pr_merge"), {"pull_request.action": "merged", "pull_request.merged": True}),
    ("draft by title", edited(REQUEST, pull_request__title="[WIP] x"), {"pull_request.draft": True}),
    ("draft by its field", {**REQUEST, "pull_request": {**REQUEST["pull_request"], "draft": True}}, {"pull_request.draft": True}),
    ("comment", payload("gitee/note_hook_pr_comment"), {"kind": "other", "repository": "kit101/drone-yml-test"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_delivery_is_read(body: Any, expected: dict[str, Any]) -> None:
    check(canonical("gitee", body), expected)


def test_a_test_of_the_webhook_starts_nothing_though_it_holds_a_push() -> None:
    assert canonical("gitee", PUSH, X_Gitee_Ping="true")["kind"] == "ping"
    assert canonical("gitee", PUSH, X_Gitee_Ping="false")["kind"] == "push"
    assert decided("gitee", PUSH, {"push": {}}, X_Gitee_Ping="true")["reason"] == "EVENT"


@pytest.mark.parametrize("secret", ["password", "sign"])
def test_a_password_in_the_body_goes_nowhere(secret: str) -> None:
    found = decided("gitee", edited(PUSH, **{secret: "hunter2hunter2"}), {"push": {}})
    assert found["action"] == "run"
    assert "hunter2" not in str(found)


FOREIGN = [
    (
        "another repository",
        edited(REQUEST, pull_request__head__repo__path_with_namespace="mallory/drone-yml-test"),
    ),
    ("the name of another repository", edited(REQUEST, pull_request__head__repo__id=7)),
    ("a repository that is gone", edited(REQUEST, pull_request__head__repo=None)),
    ("a repository without a name", edited(REQUEST, pull_request__head__repo__path_with_namespace=None)),
    ("no base", edited(REQUEST, pull_request__base=...)),
    ("a head that is no branch", edited(REQUEST, pull_request__head__ref="refs/pull/9/head")),
    ("no branch", edited(REQUEST, pull_request__head__ref=None)),
    ("an empty label", edited(REQUEST, pull_request__head__label="")),
]


@pytest.mark.parametrize("body", [case[1] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_what_cannot_be_proven_to_come_from_inside_is_foreign(body: Any) -> None:
    assert decided("gitee", body, {"pull_request": {}})["reason"] == "FORKS"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (REQUEST, "MATCH"),
        (UPDATE, "MATCH"),
        (edited(UPDATE, action_desc="target_branch_changed"), "MATCH"),
        (payload("gitee/pr_labeled"), "ACTION"),
        (payload("gitee/pr_close"), "ACTION"),
        (payload("gitee/pr_merge"), "ACTION"),
        (edited(REQUEST, pull_request__title="WIP: x"), "DRAFTS"),
        (edited(REQUEST, pull_request__title="x [skip ci]"), "SKIP_MARKERS"),
    ],
)
def test_a_request_starts_a_build_by_new_commits_and_a_new_target(body: Any, reason: str) -> None:
    assert decided("gitee", body, {"pull_request": {}})["reason"] == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PUSH, "MATCH"),
        (payload("gitee/push_branch_create"), "MATCH"),
        (payload("gitee/push_branch_delete"), "DELETED"),
        (edited(PUSH, ref="refs/heads/-x"), "REF"),
        (edited(PUSH, ref="refs/heads/$(id)"), "REF"),
        (edited(PUSH, ref="refs/heads/{{workflow.name}}"), "REF"),
        (edited(PUSH, after="HEAD"), "COMMIT"),
        (edited(PUSH, head_commit__message="x\n\n[ci skip]"), "SKIP_MARKERS"),
    ],
)
def test_a_push_starts_a_build(body: Any, reason: str) -> None:
    assert decided("gitee", body, {"push": {}})["reason"] == reason


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "skip"),
        ({"commits_more_than_ten": True}, "unknown"),
        ({"commits_more_than_ten": None}, "unknown"),
        ({"total_commits_count": 2}, "unknown"),
        ({"created": True}, "unknown"),
        ({"commits": None}, "unknown"),
    ],
    ids=str,
)
def test_a_list_of_files_that_may_be_cut_is_unknown(changes: dict[str, Any], verdict: str) -> None:
    rules = {"push": {"paths": {"include": expression(["cmd/**"])}}}
    assert decided("gitee", edited(PUSH, **changes), rules)["verdict"] == verdict


def test_the_same_commits_pushed_later_are_another_event_and_a_redelivery_is_not() -> None:
    rules: dict[str, Any] = {"push": {}, "tag": {}, "pull_request": {}}
    for body in (PUSH, TAG):
        again = edited(body, timestamp="1733686799688", sign="x", hook_id=1)
        later = edited(body, repository__pushed_at="2021-10-09T00:00:00+08:00")
        events = [decided("gitee", each, rules)["event"] for each in (body, again, later)]
        assert events[0] == events[1] != events[2]
    edits = (REQUEST, edited(REQUEST, action="reopen"), edited(REQUEST, pull_request__head__sha=SHA))
    events = [decided("gitee", each, rules)["event"] for each in edits]
    assert events[0] == events[1] != events[2]
    assert HEAD["sha"] not in {SHA, OTHER_SHA}
