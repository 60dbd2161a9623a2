"""One delivery a host and kind, and the whole canonical event that is read out of it: no field is missing, and none is more."""

import copy
import json
import re
from typing import Any

import pytest
from harmless import check_types
from mutations import DIGEST, IMAGE_MANIFEST, container, places
from support import OTHER_SHA, SHA, data, edited, github_push, payload, program

from events.host import program_text

TEA = edited(payload("gitea/push"), head_commit={"id": SHA, "message": "Change\n\n[skip ci]"})
TEA["repository"]["updated_at"] = "2026-11-26T17:27:25Z"
TEA_REQUEST = payload("gitea/pull_request-opened")
TEA_REQUEST["pull_request"] |= {"updated_at": "2026-11-26T17:27:25Z", "draft": False}
LAB_REQUEST = edited(
    payload("gitlab/merge_request"),
    object_attributes__action="update",
    object_attributes__source_project_id=99,
    changes={"labels": {"previous": [{"title": "a"}], "current": [{"title": "a"}, {"title": "ok"}]}},
)
LAB_HEAD = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
HUB_PUSH = github_push(head_commit__message="Change\n[ci skip]", before="0" * 40, forced=True)
HUB_PUSH["repository"]["pushed_at"] = 1790000000

EVENTS: list[tuple[str, str, Any, dict[str, Any]]] = [
    (
        "github", "push", HUB_PUSH,
        {
            "kind": "push", "repository": "acme/shop", "actor": "octo", "delivery": "d-1", "ref": "refs/heads/main", "branch": "main",
            "sha": SHA, "before": "0" * 40, "created": True, "deleted": False, "forced": True, "occurrence": "1790000000",
            "message": "Change", "files": ["main.go"], "files_complete": False, "skip_marker": "[ci skip]",
        },
    ),
    (
        "github", "push", edited(payload("github/push-tag-created"), repository__pushed_at="2026-11-26T17:27:25Z"),
        {
            "kind": "tag", "repository": "Codertocat/Hello-World", "actor": "Codertocat", "delivery": "d-1", "ref": "refs/tags/simple-tag",
            "tag": "simple-tag", "sha": SHA, "before": "0" * 40, "created": True, "deleted": False, "forced": False,
            "occurrence": "2026-11-26T17:27:25Z", "message": "Adding a .gitignore file",
        },
    ),
    (
        "github", "pull_request", payload("github/pull_request-synchronize"),
        {
            "kind": "pull_request", "repository": "Codertocat/Hello-World", "actor": "Codertocat", "delivery": "d-1",
            "ref": "refs/pull/2/head", "sha": "ec26c3e57ca3a959ca5aad62de7213c562f8c821", "branch": "changes",
            "occurrence": "2019-05-15T15:20:32Z",
            "pull_request": {
                "action": "updated", "number": 2, "head_ref": "changes", "head_sha": "ec26c3e57ca3a959ca5aad62de7213c562f8c821",
                "head_repository": "Codertocat/Hello-World", "base_ref": "master", "draft": False, "fork": False, "merged": False,
                "added_labels": [],
            },
        },
    ),
    (
        "gitea", "push", TEA,
        {
            "kind": "push", "repository": "octo/test", "actor": "octo", "delivery": "d-2", "ref": "refs/heads/d", "branch": "d",
            "sha": TEA["after"], "before": TEA["before"], "created": False, "deleted": False, "occurrence": "2026-11-26T17:27:25Z",
            "message": "Change", "files": ["1.c"], "files_complete": True, "skip_marker": "[skip ci]",
        },
    ),
    (
        "gitea", "push", edited(TEA, ref="refs/tags/v1"),
        {
            "kind": "tag", "repository": "octo/test", "actor": "octo", "delivery": "d-2", "ref": "refs/tags/v1", "tag": "v1",
            "sha": SHA, "before": TEA["before"], "created": False, "deleted": False, "occurrence": "2026-11-26T17:27:25Z",
            "message": "Change",
        },
    ),
    (
        "gitea", "pull_request", edited(TEA_REQUEST, action="synchronized", pull_request__title="Later [skip ci]"),
        {
            "kind": "pull_request", "repository": "octo/test", "actor": "octo", "delivery": "d-2", "ref": "refs/pull/4/head",
            "sha": "01efc1fe09d4fba25397a386a6c623fd12eadd79", "branch": "test-branch", "occurrence": "2026-11-26T17:27:25Z",
            "skip_marker": "[skip ci]",
            "pull_request": {
                "action": "updated", "number": 4, "head_ref": "test-branch", "head_sha": "01efc1fe09d4fba25397a386a6c623fd12eadd79",
                "head_repository": "octo/test", "base_ref": "master", "draft": False, "fork": False, "merged": False,
            },
        },
    ),
    (
        "gitlab", "", edited(payload("gitlab/push"), push_options={"ci": {"skip": True}}),
        {
            "kind": "push", "repository": "mike/diaspora", "delivery": "d-3", "ref": "refs/heads/master", "branch": "master",
            "sha": LAB_HEAD, "before": "95790bf891e76fee5e1747ab589903a6a1f80f22", "created": False, "deleted": False,
            "occurrence": None, "message": "fixed readme", "skip_marker": "ci.skip", "actor": "jsmith",
            "files": ["CHANGELOG", "app/controller/application.rb"], "files_complete": False,
        },
    ),
    (
        "gitlab", "", edited(payload("gitlab/tag_push"), after="b" * 40),
        {
            "kind": "tag", "repository": "jsmith/example", "delivery": "d-3", "ref": "refs/tags/v1.0.0", "tag": "v1.0.0",
            "sha": "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7", "before": "0" * 40, "created": True, "deleted": False,
            "occurrence": "b" * 40, "message": "Merge branch 'some-feature' into 'master'", "skip_marker": None, "actor": "jsmith",
        },
    ),
    (
        "gitlab", "", edited(LAB_REQUEST, object_attributes__last_commit__message="Change\n[skip ci]"),
        {
            "kind": "pull_request", "repository": "gitlabhq/gitlab-test", "delivery": "d-3", "ref": "refs/merge-requests/1/head",
            "sha": LAB_HEAD, "branch": "ms-viewport", "actor": "user1", "message": "Change", "skip_marker": "[skip ci]",
            "occurrence": None,
            "pull_request": {
                "action": "labeled", "added_labels": ["ok"], "number": 1, "head_ref": "ms-viewport", "head_sha": LAB_HEAD,
                "head_repository": "awesome_space/awesome_project", "base_ref": "master", "draft": False, "fork": True, "merged": False,
            },
        },
    ),
    (
        "acr", "", payload("acr/push"),
        {
            "kind": "image_push", "repository": "namespace/repoTest",
            "image": {
                "name": "namespace/repoTest", "tag": "latest", "artifact": None,
                "digest": "sha256:457f4aa83fc9a6663ab9d1b0a6e2dce25a12a943ed5bf2c1747c58d48bbb4917",
            },
        },
    ),
    (
        "distribution", "",
        {"events": [{"id": "e-1", "action": "push", "actor": {"name": "ci"}, "target": {
            "mediaType": IMAGE_MANIFEST, "digest": DIGEST, "repository": "base/go", "tag": "1.26"}}]},
        {
            "kind": "image_push", "repository": "base/go", "actor": "ci", "delivery": "e-1", "deleted": False,
            "image": {"name": "base/go", "tag": "1.26", "digest": DIGEST, "media_type": IMAGE_MANIFEST, "artifact": None},
        },
    ),
    (
        "dockerhub", "", edited(payload("dockerhub/push"), push_data__media_type=IMAGE_MANIFEST),
        {
            "kind": "image_push", "repository": "octo/base", "actor": "octo",
            "image": {
                "name": "octo/base", "tag": "latest", "media_type": IMAGE_MANIFEST, "artifact": None, "occurrence": "1417566161",
            },
        },
    ),
    (
        "ghcr", "package", container(),
        {
            "kind": "image_push", "repository": "codertocat/base", "actor": "Codertocat", "delivery": "d-1", "deleted": False,
            "image": {"name": "codertocat/base", "tag": "1.26", "digest": DIGEST, "artifact": None},
        },
    ),
    (
        "harbor", "",
        {"id": "e-1", "operator": "robot$ci", "type": "PUSH_ARTIFACT", "event_data": {
            "resources": [{"digest": DIGEST, "tag": "1.26"}, {"digest": OTHER_SHA, "tag": "latest"}],
            "repository": {"repo_full_name": "base/go"}}},
        {
            "kind": "image_push", "repository": "base/go", "actor": "robot$ci", "delivery": "e-1", "deleted": False,
            "image": {"name": "base/go", "tag": "1.26", "digest": DIGEST, "artifact": None},
            "also": [{
                "kind": "image_push", "repository": "base/go", "actor": "robot$ci", "delivery": "e-1", "deleted": False,
                "image": {"name": "base/go", "tag": "latest", "digest": OTHER_SHA, "artifact": None},
            }],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "event", "body", "whole"), EVENTS, ids=[f"{each[0]}-{each[3]['kind']}" for each in EVENTS]
)
def test_a_delivery_is_read_whole(name: str, event: str, body: Any, whole: dict[str, Any]) -> None:
    assert program(name).canonical(delivery(name, event, body)) == whole


def delivery(name: str, event: str, body: Any) -> str:
    headers = {"X_Github_Event": event, "X_Github_Delivery": "d-1", "Idempotency_Key": "d-3"}
    if name == "gitea":
        headers = {"X_Gitea_Event": event, "X_Gitea_Delivery": "d-2"}
    return data(name, body, **headers)


@pytest.mark.parametrize(
    ("name", "event", "body"),
    [each[:3] for each in EVENTS],
    ids=[f"{each[0]}-{each[3]['kind']}" for each in EVENTS],
)
def test_a_value_of_a_type_that_no_host_sends_is_not_passed_on(name: str, event: str, body: Any) -> None:
    sent = json.loads(delivery(name, event, body))
    words = {"headers", "header", "body", *re.findall(r"[A-Za-z_-]+", program_text(name))}
    for *parents, last in places(sent):
        if all(isinstance(part, int) or part in words for part in (*parents, last)):
            changed = copy.deepcopy(sent)
            node = changed
            for part in parents:
                node = node[part]
            for value in (7, ["x"], {"name": "x"}):
                node[last] = value
                check_types(program(name).canonical(json.dumps(changed)))
