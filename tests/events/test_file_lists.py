"""A list of changed files that may be cut, or is not there, is no list: the answer is unknown, never a no."""

from typing import Any

import pytest
from support import data, edited, github_push, payload, program

from documents.globs import expression

COMMIT = {"id": "c" * 40, "message": "x", "added": [], "modified": ["docs/a.md"], "removed": []}
GITHUB = github_push(commits=[COMMIT])
GITLAB = edited(payload("gitlab/push"), commits=[COMMIT], total_commits_count=1)
GITEA = edited(payload("gitea/push"), commits=[COMMIT], total_commits=1)
HOSTS: dict[str, tuple[Any, str]] = {
    "github": (GITHUB, "acme/shop"),
    "gitlab": (GITLAB, GITLAB["project"]["path_with_namespace"]),
    "gitea": (GITEA, GITEA["repository"]["full_name"].lower()),
}
RULES = {"push": {"paths": {"include": expression(["cmd/**"])}}}


def verdict(name: str, body: Any) -> str:
    text = data(name, body, X_Github_Event="push", X_Gitea_Event="push")
    found = program(name, RULES, (HOSTS[name][1].lower(),)).decide(text)
    assert found["reason"] == ("MATCH" if found["verdict"] == "run" else "PATHS")
    return str(found["verdict"])


@pytest.mark.parametrize("name", HOSTS)
def test_a_complete_list_without_a_chosen_file_is_a_no(name: str) -> None:
    assert verdict(name, HOSTS[name][0]) == "skip"


@pytest.mark.parametrize("value", [..., None, "docs/a.md", {}, [None], ["docs/a.md", 7]], ids=str)
@pytest.mark.parametrize("key", ["added", "modified", "removed"])
@pytest.mark.parametrize("name", HOSTS)
def test_a_commit_that_does_not_list_its_files_is_unknown(name: str, key: str, value: Any) -> None:
    body = HOSTS[name][0]
    assert verdict(name, edited(body, commits=[edited(COMMIT, **{key: value})])) == "unknown"


@pytest.mark.parametrize("commits", [None, [], {}, "x", [None], ["x"], [[]]], ids=str)
@pytest.mark.parametrize("name", HOSTS)
def test_commits_that_are_none_are_unknown(name: str, commits: Any) -> None:
    body = edited(HOSTS[name][0], commits=commits)
    if name == "gitlab":
        body["total_commits_count"] = len(commits or [])
    if name == "gitea":
        body["total_commits"] = len(commits or [])
    assert verdict(name, body) == "unknown"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("github", {"commits": [COMMIT] * 2048}),
        ("github", {"size": 2}),
        ("github", {"commits": [edited(COMMIT, modified=["docs/a.md"] * 3000)]}),
        ("github", {"commits": [edited(COMMIT, modified=["a"] * 1500, added=["b"] * 1000, removed=["c"] * 500)]}),
        ("gitlab", {"commits": [COMMIT] * 20, "total_commits_count": 21}),
        ("gitlab", {"total_commits_count": None}),
        ("gitlab", {"total_commits_count": "1"}),
        ("gitea", {"commits": [COMMIT] * 5, "total_commits": 12}),
        ("gitea", {"commits": [COMMIT] * 5, "total_commits": None}),
        ("gitea", {"total_commits": "1"}),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_a_list_at_the_limit_of_its_host_is_unknown(name: str, change: dict[str, Any]) -> None:
    assert verdict(name, {**HOSTS[name][0], **change}) == "unknown"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("github", {"commits": [COMMIT] * 2047}),
        ("github", {"commits": [edited(COMMIT, modified=["docs/a.md"] * 2999)]}),
        ("gitlab", {"commits": [COMMIT] * 20, "total_commits_count": 20}),
        ("gitea", {"commits": [COMMIT] * 15, "total_commits": 15}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_list_below_the_limit_is_complete(name: str, change: dict[str, Any]) -> None:
    assert verdict(name, {**HOSTS[name][0], **change}) == "skip"


@pytest.mark.parametrize("name", HOSTS)
def test_one_chosen_file_decides_however_much_is_missing(name: str) -> None:
    found = edited(COMMIT, modified=["cmd/main.go"], added=...)
    assert verdict(name, edited(HOSTS[name][0], commits=[found])) == "run"
