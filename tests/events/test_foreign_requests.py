"""Requests that somebody without write access can open are foreign, however much they look like the repository's own.

docs/security.md has the table, one a host.
"""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import OTHERS, TEXTS, places
from support import data, edited, payload, program
from tries import THOROUGH

GITHUB = payload("github/pull_request-opened")
GITLAB = payload("gitlab/merge_request")
GITEA = payload("gitea/pull_request-opened")
HEADERS = {
    "github": {"X_Github_Event": "pull_request"},
    "gitlab": {"X_Gitlab_Event": "Merge Request Hook"},
    "gitea": {"X_Gitea_Event": "pull_request"},
}


def is_foreign(name: str, body: Any) -> bool:
    found = program(name).canonical(data(name, body, **HEADERS[name]))
    assert found["kind"] == "pull_request"
    fork = found["pull_request"]["fork"]
    assert isinstance(fork, bool)
    return fork


INSIDE = [
    ("github", GITHUB),
    ("github", edited(GITHUB, pull_request__head__repo__full_name="codertocat/HELLO-world")),
    ("github", edited(GITHUB, pull_request__head__repo__id=2**40, pull_request__base__repo__id=2**40)),
    ("gitlab", GITLAB),
    ("gitlab", edited(GITLAB, object_attributes__source=..., object_attributes__target=...)),
    ("gitea", GITEA),
    ("gitea", edited(GITEA, pull_request__head__label="main")),
]
FOREIGN = [
    ("github: another owner", "github", edited(GITHUB, pull_request__head__repo__full_name="mallory/Hello-World")),
    ("github: another repository of the owner", "github", edited(GITHUB, pull_request__head__repo__full_name="Codertocat/Hello-World-ghsa-1")),
    ("github: a fork that is gone", "github", edited(GITHUB, pull_request__head__repo=None)),
    ("github: a head without a repository", "github", edited(GITHUB, pull_request__head__repo=...)),
    ("github: a repository without a name", "github", edited(GITHUB, pull_request__head__repo__full_name=None)),
    ("github: no base", "github", edited(GITHUB, pull_request__base=...)),
    ("github: the name of another repository", "github", edited(GITHUB, pull_request__head__repo__id=7)),
    ("github: a Gitea behind the source, AGit", "github", edited(GITHUB, pull_request__head__label="", pull_request__head__ref="refs/pull/2/head")),
    ("gitlab: another project", "gitlab", edited(GITLAB, object_attributes__source_project_id=99)),
    ("gitlab: a project that is gone", "gitlab", edited(GITLAB, object_attributes__source_project_id=None, object_attributes__source=None)),
    ("gitlab: a project that is gone, its number kept", "gitlab", edited(GITLAB, object_attributes__source_project_id=99, object_attributes__source=None)),
    ("gitlab: no numbers", "gitlab", edited(GITLAB, object_attributes__source_project_id=..., object_attributes__target_project_id=...)),
    ("gitlab: the number of another project", "gitlab", edited(GITLAB, object_attributes__source__path_with_namespace="mallory/gitlab-test")),
    ("gitea: another repository", "gitea", edited(GITEA, pull_request__head__repo_id=7)),
    ("gitea: a repository that is gone", "gitea", edited(GITEA, pull_request__head__repo=None, pull_request__head__repo_id=-1)),
    ("gitea: AGit", "gitea", edited(GITEA, pull_request__head__label="", pull_request__head__ref="refs/pull/4/head")),
    ("gitea: AGit, without a label", "gitea", edited(GITEA, pull_request__head__ref="refs/pull/4/head")),
    ("gitea: AGit, by its label", "gitea", edited(GITEA, pull_request__head__label="")),
    ("gitea: AGit, the ref of the push", "gitea", edited(GITEA, pull_request__head__ref="refs/for/main/topic")),
    ("gitea: no ref", "gitea", edited(GITEA, pull_request__head__ref=None)),
    ("gitea: the number of another repository", "gitea", edited(GITEA, pull_request__head__repo__full_name="mallory/x", pull_request__base__repo__full_name="acme/x")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body"), INSIDE)
def test_a_branch_of_the_repository_itself_is_not_foreign(name: str, body: Any) -> None:
    assert not is_foreign(name, body)


@pytest.mark.parametrize(("name", "body"), [case[1:] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_what_cannot_be_proven_to_come_from_inside_is_foreign(name: str, body: Any) -> None:
    assert is_foreign(name, body)
    found = program(name, {"pull_request": {}}, tuple(KEYS[name])).decide(data(name, body, **HEADERS[name]))
    assert (found["action"], found["reason"]) == ("drop", "FORKS")


KEYS = {
    "github": ["codertocat/hello-world"],
    "gitlab": [GITLAB["project"]["path_with_namespace"].lower()],
    "gitea": [GITEA["repository"]["full_name"].lower()],
}
AGIT = edited(
    GITEA,
    pull_request__head={**GITEA["pull_request"]["head"], "label": "", "ref": "refs/pull/4/head"},
)


@pytest.mark.parametrize("name", ["gitea", "github"])
def test_no_edit_of_one_value_makes_an_agit_request_trusted(name: str) -> None:
    decide = program(name, {"pull_request": {}}, (KEYS["gitea"][0],)).decide
    tried = 0
    for place in places(AGIT):
        # What tells head from base; of a repository, the programs read number and name.
        if place[:2] not in {
            ("pull_request", "head"),
            ("pull_request", "base"),
            ("pull_request",),
            ("action",),
        }:
            continue
        if "repo" in place and place[-1] not in {"repo", "id", "full_name"}:
            continue
        body = copy.deepcopy(AGIT)
        node: Any = body
        for part in place[:-1]:
            node = node[part]
        values = [*(each for each in TEXTS if len(each) < 1000), *OTHERS]
        for value in values if THOROUGH else values[tried % 3 :: 3]:
            node[place[-1]] = value
            assert decide(data(name, body, **HEADERS[name]))["action"] == "drop", (place, value)
            tried += 1
    assert tried > (500 if THOROUGH else 160)


STRANGE: st.SearchStrategy[Any] = st.sampled_from([None, "", "mallory/x", 0, 7, 2**53 + 1, [], {}, True])


@pytest.mark.parametrize(
    ("name", "body", "path"),
    [
        (name, body, path)
        for name, body, paths in (
            ("github", GITHUB, ["pull_request__head__repo", "pull_request__head__repo__full_name", "pull_request__head"]),
            ("gitlab", GITLAB, ["object_attributes__source_project_id", "object_attributes__target_project_id"]),
            ("gitea", GITEA, ["pull_request__head__repo", "pull_request__head__repo_id", "pull_request__head__ref", "pull_request__head"]),
        )
        for path in paths
    ],
)  # fmt: skip
@given(data_=st.data())
def test_no_value_in_place_of_the_proof_makes_a_request_trusted(name: str, body: Any, path: str, data_: st.DataObject) -> None:  # fmt: skip
    value = data_.draw(STRANGE)
    node: Any = body
    for part in path.split("__"):
        node = node[part]
    changed = edited(body, **{path: value})
    if path == "pull_request__head__ref" and isinstance(value, str) and value:
        assert not is_foreign(name, changed)  # a branch may have any name that does not begin with refs/
    else:
        assert is_foreign(name, changed) or value == node or (path.endswith("repo") and isinstance(value, dict) and name == "gitea")  # fmt: skip
