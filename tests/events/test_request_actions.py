"""Which actions on a request start a build, host by host: new commits, ready for review, another target."""

from typing import Any

import pytest
from support import data, edited, payload, program

GITHUB = payload("github/pull_request-opened")
GITLAB = edited(payload("gitlab/merge_request"), object_attributes__action="update", changes={})
GITEA = payload("gitea/pull_request-opened")
ADDRESSES = {
    "github": GITHUB["repository"]["full_name"].lower(),
    "gitlab": GITLAB["project"]["path_with_namespace"].lower(),
    "gitea": GITEA["repository"]["full_name"].lower(),
}
INTO = {"pull_request": {"into": {"include": "main"}}}


def event(name: str, body: Any) -> str:
    return data(name, body, X_Github_Event="pull_request", X_Gitea_Event="pull_request")


def action(name: str, body: Any) -> Any:
    return program(name).canonical(event(name, body))["pull_request"]["action"]


def reason(name: str, body: Any, rules: dict[str, Any] = INTO) -> str:
    found = program(name, rules, (ADDRESSES[name],)).decide(event(name, body))
    assert (found["action"] == "run") == (found["reason"] == "MATCH")
    return str(found["reason"])


def moved(name: str, old: Any, new: Any) -> Any:
    """A request that was moved from one target branch to another."""
    if name == "github":
        changes = {"base": {"ref": {"from": old}, "sha": {"from": "a" * 40}}}
        return edited(GITHUB, action="edited", changes=changes, pull_request__base__ref=new)
    if name == "gitlab":
        changes = {"target_branch": {"previous": old, "current": new}}
        return edited(GITLAB, changes=changes, object_attributes__target_branch=new)
    return edited(GITEA, action="edited", changes={"ref": {"from": old}}, pull_request__base__ref=new)


def retitled(name: str, old: Any, new: Any, draft: bool | None = False) -> Any:
    """A request with another title; draft is what the host says of it now, None where its version says nothing."""
    if name == "gitlab":
        found = edited(
            GITLAB,
            changes={"title": {"previous": old, "current": new}},
            object_attributes__target_branch="main",
            object_attributes__title=new,
        )
        if draft is not None:
            found["object_attributes"]["work_in_progress"] = draft
        return found
    found = edited(
        GITHUB if name == "github" else GITEA,
        action="edited",
        changes={"title": {"from": old}},
        pull_request__title=new,
        pull_request__base__ref="main",
    )
    found["pull_request"].pop("draft", None)
    if draft is not None:
        found["pull_request"]["draft"] = draft
    return found


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_request_that_was_moved_is_decided_by_its_new_target(name: str) -> None:
    assert action(name, moved(name, "develop", "main")) == "retargeted"
    assert reason(name, moved(name, "develop", "main")) == "MATCH"
    assert reason(name, moved(name, "main", "develop")) == "INTO"


def test_gitea_names_the_new_target_as_the_old_one_where_its_api_moved_the_request() -> None:
    assert reason("gitea", moved("gitea", "main", "main")) == "MATCH"


@pytest.mark.parametrize("old", ["main", None, 7, {}, []], ids=str)
@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_an_edit_that_leaves_the_target_is_no_move(name: str, old: Any) -> None:
    assert reason(name, moved(name, old, "main")) == "ACTION"


def test_a_draft_that_was_moved_stays_a_draft() -> None:
    assert reason("github", edited(moved("github", "x", "main"), pull_request__draft=True)) == "DRAFTS"


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_moved_request_from_a_fork_needs_its_label_still(name: str) -> None:
    sandboxed = {"pull_request": {"approved_by": "ok"}}
    body = moved(name, "develop", "main")
    if name == "gitlab":
        body["object_attributes"]["source_project_id"] = 99
    else:
        body["pull_request"]["head"]["repo"] = None
    assert reason(name, body) == "FORKS"
    assert reason(name, body, sandboxed) == "APPROVAL"


@pytest.mark.parametrize(
    "prefix",
    ["WIP: ", "wip:", "[WIP] ", "[wip]", "Draft: ", "[Draft] ", "(draft) ", "DNM: ", "Do not merge: ", " WIP: ", "WIP : ",
     "wip ", "Draft - ", "Work in progress: ", "[DNM] ", "(do not merge) ", "[work in progress] "],
)  # fmt: skip
@pytest.mark.parametrize("draft", [False, None])
@pytest.mark.parametrize("name", ["gitea", "gitlab"])
def test_a_title_that_no_longer_marks_a_draft_makes_the_request_ready(name: str, draft: bool | None, prefix: str) -> None:  # fmt: skip
    body = retitled(name, f"{prefix}Add x", "Add x", draft)
    assert action(name, body) == "ready"
    assert reason(name, body) == "MATCH"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Add x", "Add y"),
        ("fix: Add x", "Add x"),
        ("Drafting: x", "x"),
        ("Wipe the cache", "Wipe all caches"),
        ("Draft the docs", "Write the docs"),
        (None, "x"),
        (7, "x"),
        (["WIP: x"], "x"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ADDRESSES)
def test_an_edit_of_the_title_alone_builds_nothing(name: str, old: Any, new: str) -> None:
    assert reason(name, retitled(name, old, new)) == "ACTION"


@pytest.mark.parametrize("name", ["gitea", "gitlab"])
def test_a_draft_with_another_title_is_a_draft_still(name: str) -> None:
    assert reason(name, retitled(name, "WIP: x", "WIP: y", draft=None)) == "ACTION"
    assert reason(name, retitled(name, "[Draft] x", "custom: x", draft=True)) == "ACTION"


def test_a_title_says_nothing_at_github() -> None:
    assert reason("github", retitled("github", "WIP: x", "x")) == "ACTION"


def test_what_gitea_says_of_drafts_counts_more_than_the_title() -> None:
    """Its administrators choose the prefixes."""
    assert reason("gitea", edited(GITEA, pull_request__draft=False, pull_request__title="WIP: x"), {"pull_request": {}}) == "MATCH"  # fmt: skip
    assert reason("gitea", edited(GITEA, pull_request__draft=True, pull_request__title="x"), {"pull_request": {}}) == "DRAFTS"  # fmt: skip


@pytest.mark.parametrize("changes", [None, [], "x", {"title": None}, {"title": "WIP"}, {"target_branch": []}, {"draft": 1, "title": {}}])  # fmt: skip
@pytest.mark.parametrize("name", ADDRESSES)
def test_changes_of_any_shape_are_read(name: str, changes: Any) -> None:
    body = edited(retitled(name, "x", "y"), changes=changes)
    assert reason(name, body) == "ACTION"
