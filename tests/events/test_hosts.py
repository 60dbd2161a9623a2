"""Every host: how its deliveries read as canonical events. Cases: docs/sources.md, one table a host."""

import json
import re
from typing import Any

import pytest
from host_cases import canonical, check
from support import DECLARATION, OTHER_SHA, SHA, ZERO, edited, github_push, payload, plan, program

from events.host import Host, Verification, host, host_names, program_text
from hookline.answers.incoming import EventOptions, incoming

DIGEST = "sha256:" + "a" * 64


def test_every_host_has_a_record_and_a_program() -> None:
    assert set(host_names()) >= {
        "acr",
        "distribution",
        "dockerhub",
        "ghcr",
        "gitea",
        "github",
        "gitlab",
        "harbor",
    }
    for name in host_names():
        assert isinstance(host(name), Host)
        assert "def canonical:" in program_text(name)


@pytest.mark.parametrize("name", host_names())
def test_a_host_says_what_to_choose_for_every_kind_of_event_that_it_sends(name: str) -> None:
    record = host(name)
    assert record.webhook.choices.keys() == record.kinds - {"ping", "other"}
    values = " ".join(value for _, value in record.webhook.filled("<url>", "<secret>"))
    assert values.count("<url>") == 1
    assert values.count("<secret>") == (record.verification is not Verification.NONE)
    assert values.count("Bearer <secret>") == (record.verification is Verification.BEARER)


def test_what_is_chosen_for_several_kinds_is_said_once() -> None:
    assert [each.name for each in host("github").webhook.chosen({"tag", "push"})] == ["push"]
    assert [each.label for each in host("gitea").webhook.chosen({"push", "pull_request"})] == [
        "Push",
        "Pull Request",
        "Pull Request Synchronized",
    ]
    assert [each.name for each in host("gitlab").webhook.chosen({"tag"})] == ["tag_push_events"]
    assert host("dockerhub").webhook.chosen({"image_push"}) == ()


def test_a_host_is_received_by_the_source_that_checks_what_the_host_can_prove() -> None:
    for name in host_names():
        record = host(name)
        provable = record.verification is not Verification.NONE
        assert not provable or record.verification is record.receiver.verification
        assert provable or record.receiver.endpoint("/x", None, ())["endpoint"] == "/x"


# --- GitHub -------------------------------------------------------------------------------------------------------

PR = payload("github/pull_request-opened")
GITHUB: list[tuple[str, str, Any, dict[str, Any]]] = [
    (
        "real push",
        "push",
        payload("github/push-branch"),
        {
            "kind": "push",
            "branch": "master",
            "sha": SHA,
            "created": True,
            "files": ["README.md"],
            "files_complete": False,
            "repository": "Codertocat/Hello-World",
        },
    ),
    (
        "push",
        "push",
        github_push(),
        {
            "kind": "push",
            "ref": "refs/heads/main",
            "branch": "main",
            "before": OTHER_SHA,
            "files": ["main.go"],
            "files_complete": True,
            "actor": "octo",
            "message": "Change",
            "delivery": "d-1",
        },
    ),
    (
        "new branch",
        "push",
        github_push(before=ZERO, created=True),
        {"created": True, "files_complete": False},
    ),
    (
        "deleted branch",
        "push",
        github_push(after=ZERO, deleted=True, head_commit=None, commits=[]),
        {"deleted": True, "files": [], "message": None},
    ),
    (
        "deleted branch of a sha256 repository",
        "push",
        github_push(after="0" * 64, deleted=False),
        {"deleted": True},
    ),
    ("forced push", "push", github_push(forced=True), {"forced": True, "files_complete": False}),
    (
        "2,048 commits: the list may be cut",
        "push",
        github_push(commits=github_push()["commits"] * 2048),
        {"files": ["main.go"], "files_complete": False},
    ),
    ("no commits", "push", github_push(commits=[]), {"files": [], "files_complete": False}),
    ("several lines of message", "push", github_push(head_commit__message="one\ntwo"), {"message": "one"}),
    ("empty message", "push", github_push(head_commit__message=""), {"message": None}),
    (
        "real tag",
        "push",
        payload("github/push-tag-created"),
        {"kind": "tag", "tag": "simple-tag", "sha": SHA, "branch": None},
    ),
    (
        "annotated tag: after is the tag object",
        "push",
        github_push(ref="refs/tags/v1", after="b" * 40),
        {"kind": "tag", "sha": SHA},
    ),
    (
        "moved tag",
        "push",
        edited(payload("github/push-tag-created"), before=OTHER_SHA, created=False, forced=True),
        {"kind": "tag", "before": OTHER_SHA, "sha": SHA, "created": False, "forced": True},
    ),
    (
        "deleted tag",
        "push",
        payload("github/push-tag-deleted"),
        {"kind": "tag", "deleted": True, "sha": None},
    ),
    ("other ref", "push", github_push(ref="refs/notes/commits"), {"kind": "other"}),
    ("create comes with a push", "create", payload("github/create-0"), {"kind": "other"}),
    ("delete comes with a push", "delete", payload("github/delete-0"), {"kind": "other"}),
    ("ping", "ping", payload("github/ping-hook"), {"kind": "ping"}),
    ("ping of an app", "ping", payload("github/octokit-ping-03"), {"kind": "ping"}),
    ("release", "release", payload("github/release-published"), {"kind": "other"}),
    ("comment", "issue_comment", payload("github/issue_comment-created"), {"kind": "other"}),
    (
        "opened",
        "pull_request",
        PR,
        {
            "kind": "pull_request",
            "pull_request.action": "opened",
            "pull_request.number": 2,
            "pull_request.base_ref": "master",
            "branch": "changes",
            "ref": "refs/pull/2/head",
            "pull_request.fork": False,
            "pull_request.draft": False,
        },
    ),
    (
        "new commits",
        "pull_request",
        payload("github/pull_request-synchronize"),
        {"pull_request.action": "updated"},
    ),
    (
        "ready",
        "pull_request",
        payload("github/pull_request-ready_for_review"),
        {"pull_request.action": "ready"},
    ),
    (
        "closed",
        "pull_request",
        payload("github/pull_request-closed"),
        {"pull_request.action": "closed", "pull_request.merged": False},
    ),
    (
        "merged",
        "pull_request",
        edited(payload("github/pull_request-closed"), pull_request__merged=True),
        {"pull_request.action": "merged", "pull_request.merged": True},
    ),
    (
        "labeled",
        "pull_request",
        payload("github/pull_request-labeled"),
        {
            "pull_request.action": "labeled",
            "pull_request.added_labels": ["bug"],
            "sha": payload("github/pull_request-labeled")["pull_request"]["head"]["sha"],
        },
    ),
    (
        "label taken away",
        "pull_request",
        edited(payload("github/pull_request-labeled"), action="unlabeled"),
        {"pull_request.action": "unlabeled", "pull_request.added_labels": []},
    ),
    (
        "labels that are there already are not added",
        "pull_request",
        edited(PR, pull_request__labels=[{"name": "bug"}]),
        {"pull_request.added_labels": []},
    ),
    (
        "labeled, without the label",
        "pull_request",
        edited(payload("github/pull_request-labeled"), label=None),
        {"pull_request.action": "labeled", "pull_request.added_labels": []},
    ),
    (
        "reopened",
        "pull_request",
        payload("github/pull_request-reopened"),
        {"pull_request.action": "reopened"},
    ),
    (
        "made a draft",
        "pull_request",
        payload("github/pull_request-converted_to_draft"),
        {"pull_request.action": "converted_to_draft"},
    ),
    ("draft", "pull_request", edited(PR, pull_request__draft=True), {"pull_request.draft": True}),
    (
        "fork",
        "pull_request",
        edited(PR, pull_request__head__repo__full_name="mallory/Hello-World"),
        {"pull_request.fork": True, "pull_request.head_repository": "mallory/Hello-World"},
    ),
    (
        "fork that was deleted",
        "pull_request",
        edited(PR, pull_request__head__repo=None),
        {"pull_request.fork": True},
    ),
    (
        "same repository in other case",
        "pull_request",
        edited(PR, pull_request__head__repo__full_name="codertocat/hello-world"),
        {"pull_request.fork": False},
    ),
]


@pytest.mark.parametrize(
    ("event", "body", "expected"), [case[1:] for case in GITHUB], ids=[case[0] for case in GITHUB]
)
def test_github(event: str, body: Any, expected: dict[str, Any]) -> None:
    check(canonical("github", body, X_Github_Event=event, X_Github_Delivery="d-1"), expected)


# --- Gitea / Forgejo ----------------------------------------------------------------------------------------------

TEA, TEA_PR = payload("gitea/push"), payload("gitea/pull_request-opened")
TEA_COMMIT = TEA["commits"][0]
GITEA: list[tuple[str, str, Any, dict[str, Any]]] = [
    (
        "push without head_commit",
        "push",
        TEA,
        {
            "kind": "push",
            "branch": "d",
            "sha": TEA["after"],
            "files": ["1.c"],
            "files_complete": True,
            "message": "commit",
            "repository": "octo/test",
        },
    ),
    (
        "5 commits of an old version may be cut",
        "push",
        edited(TEA, commits=[TEA_COMMIT] * 5),
        {"files_complete": False},
    ),
    ("total_commits tells of more", "push", edited(TEA, total_commits=40), {"files_complete": False}),
    (
        "total_commits tells of all",
        "push",
        edited(TEA, commits=[TEA_COMMIT] * 12, total_commits=12),
        {"files_complete": True},
    ),
    (
        "15 of 15 commits, the newest limit",
        "push",
        edited(TEA, commits=[TEA_COMMIT] * 15, total_commits=15),
        {"files_complete": True},
    ),
    (
        "15 of 16 commits",
        "push",
        edited(TEA, commits=[TEA_COMMIT] * 15, total_commits=16),
        {"files_complete": False},
    ),
    ("no commits", "push", edited(TEA, commits=None), {"files": [], "files_complete": False}),
    ("new branch", "push", edited(TEA, before=ZERO), {"created": True, "files_complete": False}),
    ("a push with zeros deletes", "push", edited(TEA, after=ZERO, commits=[]), {"deleted": True}),
    (
        "the test button sends the head as a push of its own",
        "push",
        edited(TEA, before=TEA["after"], total_commits=1),
        {"kind": "push", "sha": TEA["after"], "before": TEA["after"], "deleted": False},
    ),
    (
        "lists that are null",
        "push",
        edited(TEA, commits=[{"added": None, "modified": ["a"], "removed": None}]),
        {"files": ["a"]},
    ),
    (
        "annotated tag",
        "push",
        edited(TEA, ref="refs/tags/v1", after="b" * 40, head_commit={"id": SHA, "message": "x"}),
        {"kind": "tag", "tag": "v1", "sha": SHA},
    ),
    (
        "tag of an old version",
        "push",
        edited(TEA, ref="refs/tags/v1"),
        {"kind": "tag", "sha": TEA["after"]},
    ),
    (
        "moved tag: before is zeros",
        "push",
        edited(TEA, ref="refs/tags/v1", before=ZERO, head_commit={"id": SHA}),
        {"kind": "tag", "created": True, "deleted": False, "sha": SHA, "message": "commit"},
    ),
    (
        "tag deletion as a push with zeros",
        "push",
        edited(TEA, ref="refs/tags/v1", after=ZERO, commits=[], head_commit=None),
        {"kind": "tag", "deleted": True},
    ),
    (
        "branch deletion is an event of its own",
        "delete",
        payload("gitea/delete-branch"),
        {
            "kind": "push",
            "ref": "refs/heads/test-branch-to-delete",
            "branch": "test-branch-to-delete",
            "deleted": True,
        },
    ),
    (
        "deletion of something else",
        "delete",
        edited(payload("gitea/delete-branch"), ref_type="wiki"),
        {"kind": "other"},
    ),
    (
        "tag deletion",
        "delete",
        edited(payload("gitea/delete-branch"), ref_type="tag"),
        {"kind": "tag", "deleted": True},
    ),
    ("create comes with a push", "create", payload("gitea/delete-branch"), {"kind": "other"}),
    (
        "opened",
        "pull_request",
        TEA_PR,
        {
            "kind": "pull_request",
            "pull_request.action": "opened",
            "pull_request.number": 4,
            "ref": "refs/pull/4/head",
            "pull_request.fork": False,
            "pull_request.base_ref": "master",
            "branch": "test-branch",
        },
    ),
    (
        "new commits",
        "pull_request",
        edited(TEA_PR, action="synchronized"),
        {"pull_request.action": "updated"},
    ),
    (
        "merged",
        "pull_request",
        edited(TEA_PR, action="closed", pull_request__merged=True),
        {"pull_request.action": "merged"},
    ),
    ("closed", "pull_request", edited(TEA_PR, action="closed"), {"pull_request.action": "closed"}),
    ("reopened", "pull_request", edited(TEA_PR, action="reopened"), {"pull_request.action": "reopened"}),
    (
        "a reviewer was asked",
        "pull_request",
        edited(TEA_PR, action="review_requested"),
        {"pull_request.action": "review_requested"},
    ),
    ("review", "pull_request_approved", TEA_PR, {"kind": "other"}),
    ("comment", "issue_comment", edited(TEA_PR, is_pull=True), {"kind": "other"}),
    ("no draft", "pull_request", TEA_PR, {"pull_request.draft": False}),
    ("draft", "pull_request", edited(TEA_PR, pull_request__draft=True), {"pull_request.draft": True}),
    (
        "draft by title",
        "pull_request",
        edited(TEA_PR, pull_request__title="WIP: later"),
        {"pull_request.draft": True},
    ),
    (
        "draft by title, the other way",
        "pull_request",
        edited(TEA_PR, pull_request__title="[wip] later"),
        {"pull_request.draft": True},
    ),
    (
        "numbers that differ past 2^53 are nobody's",
        "pull_request",
        edited(TEA_PR, pull_request__head__repo_id=2**53 + 1, pull_request__base__repo_id=2**53),
        {"pull_request.fork": True},
    ),
    ("fork", "pull_request", edited(TEA_PR, pull_request__head__repo_id=7), {"pull_request.fork": True}),
    (
        "fork that was deleted",
        "pull_request",
        edited(TEA_PR, pull_request__head__repo=None),
        {"pull_request.fork": True},
    ),
]


@pytest.mark.parametrize(
    ("event", "body", "expected"), [case[1:] for case in GITEA], ids=[case[0] for case in GITEA]
)
def test_gitea(event: str, body: Any, expected: dict[str, Any]) -> None:
    check(
        canonical("gitea", body, X_Gitea_Event=event, X_Gitea_Delivery="d-1"), {**expected, "delivery": "d-1"}
    )


@pytest.mark.parametrize("header", host("gitea").event_headers)
def test_any_one_of_the_headers_of_gitea_and_forgejo_names_the_event(header: str) -> None:
    found = {header: "push", header.replace("-Event", "-Delivery"): "d-2"}
    check(
        canonical("gitea", TEA, **{name.replace("-", "_"): value for name, value in found.items()}),
        {"kind": "push", "delivery": "d-2"},
    )


@pytest.mark.parametrize("header", host("gitea").event_headers)
def test_a_delivery_with_any_one_of_them_is_taken_offline_as_the_sensor_takes_it(header: str) -> None:
    source = "  github: {host: gitea, endpoint: /github, secret: {name: github-webhook, key: secret}}\n"
    declared = re.sub(r"  github: .*\n", source, DECLARATION, count=1)
    body = json.dumps(edited(TEA, ref="refs/heads/main", repository__full_name="acme/shop")).encode()
    options = EventOptions(source="github", headers={header: "push"})
    event = incoming(plan(declared), "push.json", body, options)
    assert program("gitea", {"push": {}}, ("acme/shop",)).decide(event.text())["reason"] == "MATCH"


# --- GitLab -------------------------------------------------------------------------------------------------------

LAB, LAB_TAG, LAB_MR = payload("gitlab/push"), payload("gitlab/tag_push"), payload("gitlab/merge_request")
GITLAB: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "push: 2 of 4 commits are listed",
        LAB,
        {
            "kind": "push",
            "branch": "master",
            "sha": LAB["checkout_sha"],
            "files": ["CHANGELOG", "app/controller/application.rb"],
            "files_complete": False,
            "actor": "jsmith",
            "message": "fixed readme",
            "repository": "mike/diaspora",
        },
    ),
    ("all commits are listed", edited(LAB, total_commits_count=2), {"files_complete": True}),
    ("no count", edited(LAB, total_commits_count=...), {"files_complete": False}),
    (
        "20 of 21 commits",
        edited(LAB, commits=LAB["commits"] * 10, total_commits_count=21),
        {"files_complete": False},
    ),
    ("no commits", edited(LAB, commits=[], total_commits_count=0), {"files": [], "files_complete": False}),
    ("no checkout_sha", edited(LAB, checkout_sha=None), {"sha": LAB["after"], "message": "fixed readme"}),
    (
        "the test button lists the newest commit first",
        edited(LAB, commits=LAB["commits"][::-1], total_commits_count=2),
        {"kind": "push", "sha": LAB["checkout_sha"], "message": "fixed readme"},
    ),
    ("new branch", edited(LAB, before=ZERO), {"created": True, "files_complete": False}),
    ("deleted branch", edited(LAB, after=ZERO, checkout_sha=None, commits=[]), {"deleted": True}),
    ("tag", LAB_TAG, {"kind": "tag", "tag": "v1.0.0", "sha": LAB_TAG["checkout_sha"]}),
    (
        "annotated tag: after is the tag object",
        edited(LAB_TAG, after="b" * 40),
        {"sha": LAB_TAG["checkout_sha"]},
    ),
    (
        "moved tag",
        edited(LAB_TAG, before=OTHER_SHA),
        {"kind": "tag", "created": False, "before": OTHER_SHA, "sha": LAB_TAG["checkout_sha"]},
    ),
    ("deleted tag", edited(LAB_TAG, after=ZERO, checkout_sha=None), {"deleted": True, "sha": None}),
    (
        "opened",
        LAB_MR,
        {
            "kind": "pull_request",
            "pull_request.action": "opened",
            "pull_request.number": 1,
            "ref": "refs/merge-requests/1/head",
            "branch": "ms-viewport",
            "pull_request.base_ref": "master",
            "pull_request.fork": False,
            "message": "fixed readme",
            "actor": "user1",
        },
    ),
    (
        "an update of the title alone",
        edited(LAB_MR, object_attributes__action="update", changes={"title": {}}),
        {"pull_request.action": "update", "pull_request.added_labels": []},
    ),
    (
        "a label for another one",
        edited(LAB_MR, object_attributes__action="update"),
        {"pull_request.action": "labeled", "pull_request.added_labels": ["Platform"]},
    ),
    (
        "several labels at once",
        edited(
            LAB_MR,
            object_attributes__action="update",
            changes={"labels": {"previous": [{"title": "a"}], "current": [{"title": x} for x in "abc"]}},
        ),
        {"pull_request.action": "labeled", "pull_request.added_labels": ["b", "c"]},
    ),
    (
        "a label taken away",
        edited(
            LAB_MR,
            object_attributes__action="update",
            changes={"labels": {"previous": [{"title": "a"}], "current": []}},
        ),
        {"pull_request.action": "update", "pull_request.added_labels": []},
    ),
    (
        "a label together with new commits",
        edited(LAB_MR, object_attributes__action="update", object_attributes__oldrev=OTHER_SHA),
        {"pull_request.action": "updated", "pull_request.added_labels": []},
    ),
    (
        "a label together with ready for review",
        edited(
            LAB_MR,
            object_attributes__action="update",
            changes={
                "draft": {"previous": True, "current": False},
                "labels": {"previous": [], "current": [{"title": "a"}]},
            },
        ),
        {"pull_request.action": "ready", "pull_request.added_labels": ["a"]},
    ),
    (
        "opened with labels: nobody added them afterwards",
        LAB_MR,
        {"pull_request.action": "opened", "pull_request.added_labels": []},
    ),
    (
        "new commits",
        edited(LAB_MR, object_attributes__action="update", object_attributes__oldrev=OTHER_SHA),
        {"pull_request.action": "updated"},
    ),
    (
        "ready",
        edited(
            LAB_MR,
            object_attributes__action="update",
            changes={"draft": {"previous": True, "current": False}},
        ),
        {"pull_request.action": "ready"},
    ),
    ("closed", edited(LAB_MR, object_attributes__action="close"), {"pull_request.action": "closed"}),
    (
        "merged",
        edited(LAB_MR, object_attributes__action="merge"),
        {"pull_request.action": "merged", "pull_request.merged": True},
    ),
    (
        "merged in a hook of a group, as captured",
        payload("gitlab/group_merge_request"),
        {
            "kind": "pull_request",
            "pull_request.action": "merged",
            "repository": "exm-namespace/example-project",
        },
    ),
    (
        "made a draft",
        edited(
            LAB_MR,
            object_attributes__action="update",
            changes={"draft": {"previous": False, "current": True}},
        ),
        {"pull_request.action": "update"},
    ),
    ("reopened", edited(LAB_MR, object_attributes__action="reopen"), {"pull_request.action": "reopened"}),
    ("approved", edited(LAB_MR, object_attributes__action="approved"), {"pull_request.action": "approved"}),
    ("no draft", LAB_MR, {"pull_request.draft": False}),
    ("draft", edited(LAB_MR, object_attributes__draft=True), {"pull_request.draft": True}),
    (
        "draft, old name",
        edited(LAB_MR, object_attributes__work_in_progress=True),
        {"pull_request.draft": True},
    ),
    ("fork", edited(LAB_MR, object_attributes__source_project_id=99), {"pull_request.fork": True}),
    (
        "fork that was deleted",
        edited(LAB_MR, object_attributes__source_project_id=None),
        {"pull_request.fork": True},
    ),
    (
        "numbers that differ past 2^53 are nobody's",
        edited(
            LAB_MR, object_attributes__source_project_id=2**53 + 1, object_attributes__target_project_id=2**53
        ),
        {"pull_request.fork": True},
    ),
    ("note", payload("gitlab/note_merge_request"), {"kind": "other"}),
    ("comment on a commit", payload("gitlab/note_commit"), {"kind": "other"}),
    ("release", payload("gitlab/release"), {"kind": "other"}),
    ("pipeline", payload("gitlab/pipeline"), {"kind": "other"}),
    (
        "an update with oldrev, as captured",
        payload("gitlab/service_merge_request"),
        {"kind": "pull_request", "pull_request.action": "updated", "pull_request.fork": False},
    ),
    (
        "system hook of an old version: push",
        payload("gitlab/system-push"),
        {"kind": "push", "branch": "master", "repository": "mike/diaspora"},
    ),
    (
        "system hook of an old version: tag",
        payload("gitlab/system-tag_push"),
        {"kind": "tag", "tag": "v1.0.0", "sha": payload("gitlab/system-tag_push")["checkout_sha"]},
    ),
    (
        "system hook: merge request",
        payload("gitlab/system-merge_request"),
        {"kind": "pull_request", "actor": "root"},
    ),
    (
        "system hook: comes with every push",
        payload("gitlab/system-repository_update"),
        {"kind": "other", "repository": "jsmith/example"},
    ),
    ("system hook: project", payload("gitlab/system-project_create"), {"kind": "other", "repository": None}),
]


@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in GITLAB], ids=[case[0] for case in GITLAB]
)
def test_gitlab(body: Any, expected: dict[str, Any]) -> None:
    check(canonical("gitlab", body, Idempotency_Key="k-1"), {**expected, "delivery": "k-1"})


def test_gitlab_system_hooks_read_alike() -> None:
    check(canonical("gitlab", LAB, X_Gitlab_Event="System Hook"), {"kind": "push", "branch": "master"})


# --- registries ---------------------------------------------------------------------------------------------------

ACR, HUB, HARBOR = payload("acr/push"), payload("dockerhub/push"), payload("harbor/push_artifact")
HARBOR_CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "5f3a3a24-2b6c-4c1c-8a5e-000000000001",
    "source": "/projects/1/webhook/policies/1",
    "type": "harbor.artifact.pushed",
    "operator": "admin",
    "data": {"repository": {"repo_full_name": "base/go"}, "resources": [{"digest": DIGEST, "tag": "1.26"}]},
}
PACKAGE = payload("github/package-published")
CONTAINER = edited(
    PACKAGE,
    package__package_type="CONTAINER",
    package__package_version__package_url="ghcr.io/octo/base:1.26",
    package__package_version__container_metadata={"tag": {"name": "1.26", "digest": DIGEST}},
)
REGISTRIES: list[tuple[str, str, Any, dict[str, str], dict[str, Any]]] = [
    (
        "acr push",
        "acr",
        ACR,
        {},
        {
            "kind": "image_push",
            "repository": "namespace/repoTest",
            "image.tag": "latest",
            "image.digest": ACR["push_data"]["digest"],
        },
    ),
    (
        "acr: another tag of the same digest",
        "acr",
        edited(ACR, push_data__tag="1.26"),
        {},
        {"image.tag": "1.26", "image.digest": ACR["push_data"]["digest"], "image.occurrence": None},
    ),
    ("acr: a body of Docker Hub", "acr", HUB, {}, {"kind": "other", "repository": None}),
    ("acr without push_data", "acr", edited(ACR, push_data=...), {}, {"kind": "other"}),
    ("acr: not an object", "acr", [1], {}, {"kind": "other"}),
    (
        "docker hub push",
        "dockerhub",
        HUB,
        {},
        {
            "kind": "image_push",
            "repository": "octo/base",
            "image.tag": "latest",
            "image.digest": None,
            "image.occurrence": "1417566161",
            "actor": "octo",
        },
    ),
    (
        "docker hub, time as text",
        "dockerhub",
        edited(HUB, push_data__pushed_at="2026-11-24T01:02:03Z"),
        {},
        {"image.occurrence": "2026-11-24T01:02:03Z"},
    ),
    (
        "docker hub, time with a fraction",
        "dockerhub",
        edited(HUB, push_data__pushed_at=1417566161.5),
        {},
        {"image.occurrence": "1417566161"},
    ),
    (
        "docker hub, time that engines write differently",
        "dockerhub",
        edited(HUB, push_data__pushed_at=1e300),
        {},
        {"image.occurrence": None},
    ),
    ("docker hub: a body of ACR", "dockerhub", ACR, {}, {"kind": "other", "repository": None}),
    (
        "harbor push",
        "harbor",
        HARBOR,
        {},
        {
            "kind": "image_push",
            "repository": "base/go",
            "image.tag": "1.26",
            "image.digest": HARBOR["event_data"]["resources"][0]["digest"],
        },
    ),
    (
        "harbor CloudEvents",
        "harbor",
        HARBOR_CLOUD_EVENT,
        {},
        {
            "kind": "image_push",
            "image.tag": "1.26",
            "image.digest": DIGEST,
            "delivery": HARBOR_CLOUD_EVENT["id"],
        },
    ),
    (
        "harbor push by digest",
        "harbor",
        edited(HARBOR, event_data__resources=[{"digest": DIGEST, "tag": DIGEST}]),
        {},
        {"kind": "image_push", "image.tag": None},
    ),
    (
        "harbor: the child without tag comes first",
        "harbor",
        edited(HARBOR, event_data__resources=[{"digest": DIGEST, "tag": ""}, {"digest": DIGEST, "tag": "2"}]),
        {},
        {"image.tag": "2"},
    ),
    ("harbor pull", "harbor", edited(HARBOR, type="PULL_ARTIFACT"), {}, {"kind": "other"}),
    (
        "harbor scan",
        "harbor",
        edited(HARBOR_CLOUD_EVENT, type="harbor.scan.completed"),
        {},
        {"kind": "other", "repository": "base/go"},
    ),
    (
        "harbor delete",
        "harbor",
        edited(HARBOR, type="DELETE_ARTIFACT"),
        {},
        {"kind": "image_push", "deleted": True, "image.tag": "1.26"},
    ),
    (
        "harbor delete, CloudEvents",
        "harbor",
        edited(HARBOR_CLOUD_EVENT, type="harbor.artifact.deleted"),
        {},
        {"kind": "image_push", "deleted": True, "image.tag": "1.26"},
    ),
    (
        "harbor delete by digest",
        "harbor",
        edited(HARBOR, type="DELETE_ARTIFACT", event_data__resources=[{"digest": DIGEST, "tag": DIGEST}]),
        {},
        {"kind": "other"},
    ),
    (
        "ghcr",
        "ghcr",
        CONTAINER,
        {"X_Github_Event": "package"},
        {"kind": "image_push", "repository": "octo/base", "image.tag": "1.26", "image.digest": DIGEST},
    ),
    (
        "ghcr by its older name",
        "ghcr",
        {"action": "published", "registry_package": CONTAINER["package"]},
        {"X_Github_Event": "registry_package"},
        {"kind": "image_push", "image.tag": "1.26"},
    ),
    (
        "ghcr: the name without package_url, in lower case",
        "ghcr",
        edited(
            CONTAINER,
            package__package_version__package_url="https://github.com/Octo/Base/packages",
            package__namespace="Octo",
            package__name="tools/Base",
        ),
        {"X_Github_Event": "package"},
        {"kind": "image_push", "repository": "octo/tools/base"},
    ),
    (
        "ghcr: a namespace that holds the name",
        "ghcr",
        edited(
            CONTAINER,
            package__package_version__package_url=None,
            package__namespace="octo/base",
            package__name="base",
        ),
        {"X_Github_Event": "package"},
        {"repository": "octo/base"},
    ),
    (
        "ghcr: a package_url that ends before the name",
        "ghcr",
        edited(
            CONTAINER,
            package__package_version__package_url="ghcr.io/",
            package__namespace="octo",
            package__name="base",
        ),
        {"X_Github_Event": "package"},
        {"repository": "octo/base"},
    ),
    (
        "ghcr: a package_url with a digest",
        "ghcr",
        edited(CONTAINER, package__package_version__package_url=f"ghcr.io/octo/base@{DIGEST}"),
        {"X_Github_Event": "package"},
        {"repository": "octo/base"},
    ),
    (
        "ghcr: updated, of the type docker",
        "ghcr",
        edited(CONTAINER, action="updated", package__package_type="docker", package__ecosystem="docker"),
        {"X_Github_Event": "package"},
        {"kind": "image_push", "image.tag": "1.26"},
    ),
    (
        "ghcr: the child of a multi-architecture image",
        "ghcr",
        edited(
            CONTAINER, package__package_version__container_metadata={"tag": {"name": "", "digest": DIGEST}}
        ),
        {"X_Github_Event": "package"},
        {"kind": "image_push", "image.tag": None, "image.digest": DIGEST},
    ),
    (
        "ghcr: a push to the repository",
        "ghcr",
        payload("github/push-branch"),
        {"X_Github_Event": "push"},
        {"kind": "other"},
    ),
    (
        "ghcr without tag",
        "ghcr",
        edited(CONTAINER, package__package_version__container_metadata__tag__name=""),
        {"X_Github_Event": "package"},
        {"kind": "image_push", "image.tag": None},
    ),
    (
        "ghcr: an npm package",
        "ghcr",
        edited(PACKAGE, package__ecosystem="npm"),
        {"X_Github_Event": "package"},
        {"kind": "other"},
    ),
    (
        "ghcr: deleted",
        "ghcr",
        edited(CONTAINER, action="deleted"),
        {"X_Github_Event": "package"},
        {"kind": "image_push", "deleted": True},
    ),
    (
        "ghcr: a version without tag deleted",
        "ghcr",
        edited(CONTAINER, action="deleted", package__package_version__container_metadata__tag__name=""),
        {"X_Github_Event": "package"},
        {"kind": "other"},
    ),
    ("ghcr ping", "ghcr", payload("github/ping-hook"), {"X_Github_Event": "ping"}, {"kind": "ping"}),
]


@pytest.mark.parametrize(
    ("name", "body", "headers", "expected"),
    [case[1:] for case in REGISTRIES],
    ids=[case[0] for case in REGISTRIES],
)
def test_registries(name: str, body: Any, headers: dict[str, str], expected: dict[str, Any]) -> None:
    check(canonical(name, body, **headers), expected)


NOTIFICATIONS = [body["events"][0] for _, _, body in payload("distribution/notifications")]
BLOB = next(each for each in NOTIFICATIONS if each["target"].get("mediaType") == "application/octet-stream")
TAGGED = next(each for each in NOTIFICATIONS if each["action"] == "push" and each["target"].get("tag"))
BY_DIGEST = next(
    each
    for each in NOTIFICATIONS
    if each["action"] == "push"
    and each != BLOB
    and not each["target"].get("tag")
    and "manifest" in each["target"]["mediaType"]
)
MULTI = next(each for each in NOTIFICATIONS if each["target"].get("tag") == "multi")
PULLS = [each for each in NOTIFICATIONS if each["action"] == "pull"]
DELETES = [each for each in NOTIFICATIONS if each["action"] == "delete"]
DISTRIBUTION: list[tuple[str, list[Any], dict[str, Any]]] = [
    (
        "a manifest under a tag",
        [TAGGED],
        {
            "kind": "image_push",
            "repository": "team/app",
            "deleted": False,
            "image.tag": "v1.2.3",
            "image.digest": TAGGED["target"]["digest"],
            "image.media_type": "application/vnd.docker.distribution.manifest.v2+json",
            "delivery": TAGGED["id"],
        },
    ),
    ("several architectures under a tag", [MULTI], {"kind": "image_push", "image.tag": "multi"}),
    (
        "OCI",
        [edited(TAGGED, target__mediaType="application/vnd.oci.image.index.v1+json")],
        {"kind": "image_push"},
    ),
    ("a blob", [BLOB], {"kind": "other", "repository": "team/app"}),
    ("a push by digest, such as one architecture of several", [BY_DIGEST], {"kind": "other"}),
    ("an empty tag", [edited(TAGGED, target__tag="")], {"kind": "other"}),
    (
        "a chart or signature",
        [edited(TAGGED, target__mediaType="application/vnd.cncf.helm.config.v1+json")],
        {"kind": "other"},
    ),
    ("a pull by GET", [each for each in PULLS if each["request"]["method"] == "GET"][:1], {"kind": "other"}),
    (
        "a pull by HEAD",
        [each for each in PULLS if each["request"]["method"] == "HEAD"][:1],
        {"kind": "other"},
    ),
    ("a mount", [edited(BLOB, action="mount")], {"kind": "other"}),
    (
        "a deletion tells the digest",
        [each for each in DELETES if not each["target"].get("tag")][:1],
        {"kind": "other"},
    ),
    (
        "a deletion tells the tag",
        [each for each in DELETES if each["target"].get("tag")][:1],
        {"kind": "image_push", "deleted": True, "image.tag": "v1.2.3"},
    ),
    ("several: the tagged manifest decides", [BLOB, BY_DIGEST, TAGGED, MULTI], {"image.tag": "v1.2.3"}),
    ("several: a push before a deletion", [*DELETES, MULTI], {"deleted": False, "image.tag": "multi"}),
    ("no events", [], {"kind": "other", "repository": None}),
]


@pytest.mark.parametrize(
    ("events", "expected"), [case[1:] for case in DISTRIBUTION], ids=[case[0] for case in DISTRIBUTION]
)
def test_distribution(events: list[Any], expected: dict[str, Any]) -> None:
    check(canonical("distribution", {"events": events}), expected)


def test_one_push_to_a_real_registry_is_one_image_however_many_blobs_it_sends() -> None:
    for sent in NOTIFICATIONS:
        event = canonical("distribution", {"events": [sent]})
        tagged = sent["action"] in {"push", "delete"} and bool(sent["target"].get("tag"))
        assert (event["kind"] == "image_push") == tagged, json.dumps(sent)[:200]
        assert event["deleted"] == (sent["action"] == "delete" and tagged)
