"""What asks a host's own CI to skip a build asks hookline too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import data, edited, github_push, payload, program

GITLAB, GITLAB_TAG, GITLAB_MR = (payload(f"gitlab/{name}") for name in ("push", "tag_push", "merge_request"))
GITEA, GITEA_PR = payload("gitea/push"), payload("gitea/pull_request-opened")

MARKED = {
    "[skip ci]": "[skip ci]",
    "Fix the README [CI Skip]": "[ci skip]",
    "[skip-ci]": "[skip-ci]",
    "[skip_ci]": "[skip_ci]",
    "[ci-skip]": "[ci-skip]",
    "Update [ci_skip] docs": "[ci_skip]",
    "[No CI]": "[no ci]",
    "[skip actions]": "[skip actions]",
    "[actions skip]": "[actions skip]",
    "***NO_CI***": "***no_ci***",
    "chore: release\n\nLong text.\n\n[skip ci]\n": "[skip ci]",
    "chore: release\r\n\r\nLong text [skip ci].\r\n": "[skip ci]",
    "Fix\n\n\nskip-checks: true": "skip-checks: true",
    "Fix\n\n\nskip-checks:true\n": "skip-checks: true",
    "Fix\n\nskip-checks: true": "skip-checks: true",
    "Fix\n\n\nCo-authored-by: x <x@example.com>\nSkip-Checks: true\n": "skip-checks: true",
    "Fix\r\n\r\n\r\nskip-checks: true\r\n": "skip-checks: true",
}
UNMARKED = [
    "skip ci",
    "[skip  ci]",
    "[skip\nci]",
    "[skip ci",
    "[skipci]",
    "[no-ci]",
    "[skip build]",
    "skip-checks: true",
    "Fix skip-checks: true",
    "Fix\nskip-checks: true",
    "Fix\n\nskip-checks: true\n\nMore.",
    "Fix\n\nskip-checks: false",
    "Fix\n\nskip-checks: truely",
    "",
    None,
    7,
    ["[skip ci]"],
    {"x": "[skip ci]"},
]


def sent(message: Any) -> list[tuple[str, Any]]:
    """The message as head commit's of what each host sends it with."""
    head = {**GITLAB["commits"][-1], "message": message}
    return [
        ("github", github_push(head_commit__message=message)),
        ("gitlab", edited(GITLAB, commits=[GITLAB["commits"][0], head])),
        ("gitlab", edited(GITLAB_MR, object_attributes__last_commit__message=message)),
        ("gitea", edited(GITEA, head_commit={"id": GITEA["after"], "message": message})),
    ]


def canonical(name: str, body: Any, event: str = "push") -> dict[str, Any]:
    return program(name).canonical(data(name, body, X_Github_Event=event, X_Gitea_Event=event))


@pytest.mark.parametrize("message", MARKED)
def test_a_marker_counts_anywhere_in_the_message_of_the_head_commit(message: str) -> None:
    for name, body in sent(message):
        assert canonical(name, body)["skip_marker"] == MARKED[message], name


@pytest.mark.parametrize("message", UNMARKED, ids=str)
def test_what_is_no_marker_skips_nothing(message: Any) -> None:
    for name, body in sent(message):
        assert canonical(name, body)["skip_marker"] is None, name


@given(st.text(max_size=50), st.sampled_from(["[skip ci]", "[ci skip]"]), st.text(max_size=50))
def test_no_text_around_a_marker_hides_it(before: str, marker: str, after: str) -> None:
    assert canonical("github", github_push(head_commit__message=before + marker + after))["skip_marker"]


def test_only_the_head_commit_is_asked() -> None:
    first = {**GITLAB["commits"][0], "message": "[skip ci]"}
    assert canonical("gitlab", edited(GITLAB, commits=[first, GITLAB["commits"][1]]))["skip_marker"] is None
    old = github_push()
    old["commits"] = [{**old["commits"][0], "message": "[skip ci]"}, *old["commits"]]
    assert canonical("github", old)["skip_marker"] is None


@pytest.mark.parametrize("body", [GITLAB, GITLAB_TAG])
def test_the_push_option_of_gitlab_skips_pushes_and_tags(body: Any) -> None:
    kind = "tag" if body is GITLAB_TAG else "push"
    found = program("gitlab", {kind: {}}, (body["project"]["path_with_namespace"].lower(),))
    for value in (True, 1, "1", {"1": 1}):
        skipped = found.decide(data("gitlab", {**body, "push_options": {"ci": {"skip": value}}}))
        assert (skipped["action"], skipped["reason"]) == ("drop", "SKIP_MARKERS")
    without: list[Any] = [
        {},
        None,
        [],
        {"ci": None},
        {"ci": {"skip": None}},
        {"ci": {"variable": {"A=1": 1}}},
    ]
    for options in without:
        assert found.decide(data("gitlab", {**body, "push_options": options}))["action"] == "run", options


def test_a_tag_is_built_whatever_its_commit_says() -> None:
    """Release tools mark the commit that they tag."""
    body = edited(payload("github/push-tag-created"), head_commit__message="chore(release): 1.2.3 [skip ci]")
    found = program("github", {"tag": {}}, (body["repository"]["full_name"].lower(),))
    assert found.decide(data("github", body, X_Github_Event="push"))["action"] == "run"


def test_gitea_looks_at_the_title_of_a_request() -> None:
    body = edited(GITEA_PR, pull_request__title="Docs [skip ci]")
    found = program("gitea", {"pull_request": {}}, (GITEA_PR["repository"]["full_name"].lower(),))
    assert found.decide(data("gitea", body, X_Gitea_Event="pull_request"))["reason"] == "SKIP_MARKERS"
    assert found.decide(data("gitea", GITEA_PR, X_Gitea_Event="pull_request"))["reason"] == "MATCH"


def test_a_pipeline_may_build_in_spite_of_markers() -> None:
    body = edited(GITLAB, push_options={"ci": {"skip": True}}, commits=[{"message": "[skip ci]"}])
    found = program("gitlab", {"push": {"skip_markers": False}}, (GITLAB["project"]["path_with_namespace"],))
    assert found.decide(data("gitlab", body))["action"] == "run"


def test_a_message_stays_out_of_what_runs() -> None:
    found = program("github", {"push": {}}, ("acme/shop",))
    decided = found.decide(
        data("github", github_push(head_commit__message="5ecret text"), X_Github_Event="push")
    )
    assert decided["action"] == "run"
    assert "5ecret" not in str(decided)
