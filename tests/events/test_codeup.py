"""Codeup: how its deliveries read as canonical events, and what they start. The payloads are written after its documentation."""

from typing import Any

import pytest
from host_cases import canonical, check, decided
from support import OTHER_SHA, SHA, ZERO, edited, payload, plan

from documents.diagnostics import InvalidInput
from documents.globs import expression

PUSH, TAG, REQUEST, PUSHED = (
    payload(f"codeup/{name}") for name in ("push", "tag_push", "merge_request", "merge_request-pushed")
)
NAME = "60de7a6852743a5162b5f957/demo"
HEAD = PUSH["commits"][1]
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "push",
        PUSH,
        {
            "kind": "push",
            "repository": NAME,
            "ref": "refs/heads/master",
            "branch": "master",
            "sha": SHA,
            "before": OTHER_SHA,
            "created": False,
            "deleted": False,
            "actor": "octo",
            "message": "Fix the readme.",
            "files": None,
            "files_complete": False,
        },
    ),
    ("new branch", edited(PUSH, before=ZERO), {"created": True, "sha": SHA}),
    ("deleted branch", edited(PUSH, after=ZERO, commits=[]), {"deleted": True, "message": None}),
    ("a forced push looks like any other", edited(PUSH, before="d" * 40), {"kind": "push", "forced": None}),
    ("commits in another order", edited(PUSH, commits=PUSH["commits"][::-1]), {"message": "Fix the readme."}),
    ("tag", TAG, {"kind": "tag", "tag": "v1.0.0", "sha": SHA, "created": True, "repository": NAME}),
    ("deleted tag", edited(TAG, before=SHA, after=ZERO), {"kind": "tag", "deleted": True}),
    ("other ref", edited(PUSH, ref="refs/notes/commits"), {"kind": "other"}),
    (
        "opened",
        REQUEST,
        {
            "kind": "pull_request",
            "repository": NAME,
            "ref": None,
            "sha": SHA,
            "branch": "feature/login",
            "actor": "octo",
            "message": "Log in",
            "occurrence": None,
            "pull_request.action": "opened",
            "pull_request.number": 1,
            "pull_request.base_ref": "master",
            "pull_request.head_repository": NAME,
            "pull_request.fork": False,
            "pull_request.draft": False,
            "pull_request.merged": False,
        },
    ),
    ("new commits", PUSHED, {"pull_request.action": "updated", "occurrence": "2026-11-24T03:00:00Z", "repository": NAME}),
    ("another edit", edited(PUSHED, object_attributes__is_update_by_push=False), {"pull_request.action": "update"}),
    ("the number of newer versions", edited({**REQUEST, "object_attributes": {**REQUEST["object_attributes"], "local_id": 5}}, object_attributes__iid=...), {"pull_request.number": 5}),
    ("opened again", edited(REQUEST, object_attributes__action="reopen"), {"pull_request.action": "reopened"}),
    ("closed", edited(REQUEST, object_attributes__action="close"), {"pull_request.action": "closed"}),
    (
        "merged",
        edited(PUSHED, object_attributes__action="merge"),
        {"pull_request.action": "merged", "pull_request.merged": True},
    ),
    ("draft", edited(REQUEST, object_attributes__work_in_progress=True), {"pull_request.draft": True}),
    ("the test of the console", payload("codeup/test"), {"kind": "ping", "repository": None}),
    ("comment", {**REQUEST, "object_kind": "note"}, {"kind": "other", "repository": None}),
    ("a name that is no URL", edited(PUSH, repository__git_http_url="demo"), {"repository": None}),
    ("no repository", edited(PUSH, repository=...), {"kind": "push", "repository": None}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_delivery_is_read(body: Any, expected: dict[str, Any]) -> None:
    check(canonical("codeup", body, X_Codeup_Event="whatever"), expected)


FOREIGN = [
    ("another project", edited(REQUEST, object_attributes__source_project_id=99)),
    ("a project that is gone", edited(REQUEST, object_attributes__source_project_id=None)),
    ("no numbers", edited(REQUEST, object_attributes__source_project_id=..., object_attributes__target_project_id=...)),
    ("the number of another project", edited(REQUEST, object_attributes__source__http_url="https://codeup.aliyun.com/mallory/demo.git")),
]  # fmt: skip


@pytest.mark.parametrize("body", [case[1] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_what_cannot_be_proven_to_come_from_inside_is_foreign(body: Any) -> None:
    assert decided("codeup", body, {"pull_request": {}})["reason"] == "FORKS"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PUSH, "MATCH"),
        (TAG, "MATCH"),
        (REQUEST, "MATCH"),
        (PUSHED, "MATCH"),
        (edited(PUSHED, object_attributes__is_update_by_push=False), "ACTION"),
        (edited(REQUEST, object_attributes__action="close"), "ACTION"),
        (edited(REQUEST, object_attributes__work_in_progress=True), "DRAFTS"),
        (edited(REQUEST, object_attributes__last_commit__message="x [skip ci]"), "SKIP_MARKERS"),
        (edited(REQUEST, object_attributes__source_branch="$(id)"), "REF"),
        (edited(PUSH, after=ZERO), "DELETED"),
        (edited(PUSH, commits=[{**HEAD, "message": "x\n\n[ci skip]"}]), "SKIP_MARKERS"),
        (edited(PUSH, ref="refs/heads/-x"), "REF"),
        (edited(PUSH, ref="refs/heads/{{workflow.name}}"), "REF"),
        (edited(PUSH, ref="refs/heads/a\n"), "REF"),
        (edited(TAG, ref="refs/tags/;id"), "REF"),
        (edited(PUSH, after="main"), "COMMIT"),
    ],
)
def test_a_delivery_starts_what_it_should(body: Any, reason: str) -> None:
    assert decided("codeup", body, {"push": {}, "tag": {}, "pull_request": {}})["reason"] == reason


def test_a_path_filter_is_open_as_no_files_are_listed() -> None:
    rules = {"push": {"paths": {"include": expression(["cmd/**"])}}}
    assert decided("codeup", PUSH, rules)["verdict"] == "unknown"


DECLARATION = """\
version: 1
sources:
  codeup:
    host: codeup
    endpoint: /codeup-4f9d0a31c7be25864f9d0a31c7be2586
    unverified: {because: Codeup sends no proof, allowed_cidrs: [47.98.116.130/32]}
pipelines:
  shop:
    repository: {source: codeup, name: acme/shop, url: https://codeup.aliyun.com/acme/shop.git}
    image: registry.example.com/acme/shop
    run: {template: %s}
    events: {push: {paths: %s}}
"""


@pytest.mark.parametrize(
    ("template", "paths", "said"),
    [
        ("ci-go-v1", "[cmd/**]", "Codeup does not list changed files, and ci-go-v1 cannot compare commits"),
        ("hookline-ci-go", "{include: [cmd/**], unknown: skip}", "unknown: skip would skip every push"),
        ("hookline-ci-go", "[cmd/**]", ""),
    ],
)
def test_a_path_filter_needs_a_template_that_compares_commits(template: str, paths: str, said: str) -> None:
    text = DECLARATION % (template, paths)
    if said:
        with pytest.raises(InvalidInput, match=said):
            plan(text)
    else:
        assert plan(text).routes


def test_two_pushes_of_the_same_commits_are_one_event_as_no_time_is_sent() -> None:
    rules: dict[str, Any] = {"push": {}, "pull_request": {}}
    first, again = (decided("codeup", edited(PUSH, user_id=each), rules)["event"] for each in (4, 5))
    assert first == again
    later = edited(PUSHED, object_attributes__updated_at="2026-11-25T03:00:00Z")
    assert decided("codeup", PUSHED, rules)["event"] != decided("codeup", later, rules)["event"]
