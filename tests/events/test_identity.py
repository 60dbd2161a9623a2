"""Two deliveries of one event are one event; the same commits at another time are another. docs/sources.md has the table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import OTHER_SHA, SHA, ZERO, data, edited, github_push, payload, program

GITLAB, GITLAB_TAG, GITLAB_MR = (payload(f"gitlab/{name}") for name in ("push", "tag_push", "merge_request"))
GITEA, GITEA_PR = payload("gitea/push"), payload("gitea/pull_request-opened")
GITHUB_PR = payload("github/pull_request-synchronize")
RULES: dict[str, Any] = {"push": {}, "tag": {}, "pull_request": {}}
TAG_OBJECT = "d" * 40


def subject(name: str, body: Any, event: str = "push", **headers: str) -> str:
    keys = (
        "acme/shop", "codertocat/hello-world", GITEA["repository"]["full_name"].lower(), GITEA_PR["repository"]["full_name"].lower(),
        *(each["project"]["path_with_namespace"].lower() for each in (GITLAB, GITLAB_TAG, GITLAB_MR)),
    )  # fmt: skip
    named = {"X_Github_Event": event, "X_Gitea_Event": event, **headers}
    found = program(name, RULES, keys).decide(data(name, body, **named))
    assert found["action"] == "run", found
    return str(found["event"])


def github(**changes: Any) -> Any:
    return edited(github_push(), **changes)


def at_github(seconds: Any, **changes: Any) -> Any:
    body = github(**changes)
    body["repository"] = {"full_name": "acme/shop", "pushed_at": seconds}
    return body


def at_gitea(time: Any, **changes: Any) -> Any:
    body = edited(GITEA, **changes)
    body["repository"]["updated_at"] = time
    return body


PUSHED = {
    "github": [at_github(1790000000), at_github(1790001200)],
    "github, time as text": [at_github("2026-11-26T17:27:25Z"), at_github("2026-11-26T17:27:49Z")],
    "gitea": [at_gitea("2026-11-26T17:27:25Z"), at_gitea("2026-11-26T17:27:49Z")],
    "gitea, time zone of the server": [at_gitea("2026-11-26T17:27:25+08:00"), at_gitea("2026-11-26T17:27:49+08:00")],
}  # fmt: skip


@pytest.mark.parametrize("name", PUSHED)
def test_the_same_commits_pushed_later_are_another_event(name: str) -> None:
    first, later = (subject(name.split(",", maxsplit=1)[0], body) for body in PUSHED[name])
    assert first != later


@pytest.mark.parametrize(
    ("name", "first", "later"),
    [
        ("github", at_github(1790000000, ref="refs/tags/v1", before=ZERO), at_github(1790009000, ref="refs/tags/v1", before=ZERO)),
        ("gitea", at_gitea("2026-11-26T17:27:25Z", ref="refs/tags/v1"), at_gitea("2026-11-26T17:27:49Z", ref="refs/tags/v1")),
        ("gitlab", edited(GITLAB_TAG, after=TAG_OBJECT), edited(GITLAB_TAG, after="e" * 40)),
    ],
)  # fmt: skip
def test_a_tag_made_again_at_its_commit_is_another_event(name: str, first: Any, later: Any) -> None:
    assert subject(name, first) != subject(name, later)


@pytest.mark.parametrize("name", PUSHED)
def test_a_redelivery_and_a_second_webhook_are_the_same_event(name: str) -> None:
    host = name.split(",", maxsplit=1)[0]
    body = PUSHED[name][0]
    first = subject(host, body, X_Github_Delivery="1", X_Gitea_Delivery="1", X_Github_Hook_Id="1")
    again = subject(host, body, X_Github_Delivery="2", X_Gitea_Delivery="2", X_Github_Hook_Id="2")
    assert first == again


def test_what_gitlab_changes_from_hook_to_hook_is_no_part_of_an_event() -> None:
    for body in (GITLAB, GITLAB_TAG, GITLAB_MR):
        sent = [
            subject("gitlab", body, Idempotency_Key=each, X_Gitlab_Webhook_Uuid=each, X_Gitlab_Event_Uuid=each)
            for each in ("1", "2")
        ]  # fmt: skip
        assert sent[0] == sent[1]


def test_an_event_without_a_time_is_told_by_its_commits() -> None:
    assert subject("gitlab", GITLAB).endswith(
        f" refs/heads/master {GITLAB['before']} {GITLAB['checkout_sha']}"
    )
    assert subject("github", github_push()).endswith(f" {OTHER_SHA} {SHA}")
    # A tag without an object of its own: GitLab sends nothing that changes.
    light = edited(GITLAB_TAG, after=GITLAB_TAG["checkout_sha"])
    assert subject("gitlab", light).endswith(f" refs/tags/v1.0.0  {light['after']}")


LAB_UPDATE = edited(GITLAB_MR, object_attributes__action="update", object_attributes__oldrev=OTHER_SHA)
NEW_COMMITS = {
    "github": [edited(GITHUB_PR, pull_request__head__repo__pushed_at=time) for time in ("2026-11-26T17:27:25Z", "2026-11-26T18:00:00Z")],
    "gitlab": [edited(LAB_UPDATE, object_attributes__updated_at=time) for time in ("2026-11-26 17:27:25 UTC", "2026-11-26 18:00:00 UTC")],
    "gitea": [edited(GITEA_PR, action="synchronized", pull_request={**GITEA_PR["pull_request"], "updated_at": time}) for time in ("2026-11-26T17:27:25Z", "2026-11-26T18:00:00Z")],
}  # fmt: skip


@pytest.mark.parametrize("name", NEW_COMMITS)
def test_a_request_forced_back_to_a_commit_is_built_there_again(name: str) -> None:
    """The first run of that commit may have been cancelled in favour of the commit between."""
    first, later = (subject(name, body, "pull_request") for body in NEW_COMMITS[name])
    assert first != later


@pytest.mark.parametrize(
    ("name", "body", "other"),
    [
        ("github", payload("github/pull_request-opened"), {"action": "reopened", "pull_request__head__repo__pushed_at": "2027-01-01T00:00:00Z"}),
        ("gitlab", GITLAB_MR, {"object_attributes__action": "reopen", "object_attributes__updated_at": "2027-01-01 00:00:00 UTC"}),
        ("gitea", GITEA_PR, {"action": "reopened"}),
    ],
)  # fmt: skip
def test_other_actions_on_one_commit_of_a_request_are_one_event(name: str, body: Any, other: dict[str, Any]) -> None:  # fmt: skip
    assert subject(name, body, "pull_request") == subject(name, edited(body, **other), "pull_request")


TIMES = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.none(), st.booleans(),
    st.lists(st.text(), max_size=2), st.dictionaries(st.text(), st.integers(), max_size=2),
    st.sampled_from(["{{x}}", "1 2", "a\nb", "1;id", "1" * 65, 1e15, 2**53 + 1, -1, 0]),
)  # fmt: skip


@given(time=TIMES)
@pytest.mark.parametrize("name", ["github", "gitea"])
def test_a_time_of_any_shape_is_safe_in_a_name(name: str, time: Any) -> None:
    found = subject(name, at_github(time) if name == "github" else at_gitea(time))
    known = subject(name, at_github(None) if name == "github" else at_gitea(None))
    assert found.startswith(known)
    rest = found[len(known) :]
    assert rest == "" or (rest[0] == " " and 1 <= len(rest[1:]) <= 64)
    assert all(
        character.isascii() and (character.isalnum() or character in ":._+-") for character in rest[1:]
    )


def test_seconds_are_written_alike_by_both_engines() -> None:
    """A float and an integer of the same value: gojq has floats alone."""
    assert subject("github", at_github(1790000000)) == subject("github", at_github(1790000000.0))
    assert subject("github", at_github(1790000000)).endswith(" 1790000000")
