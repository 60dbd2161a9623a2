"""A filter is one thing: its field, its clause, its code and its words stand in one table, and nothing is accepted and ignored."""

import json
import re
from importlib import resources
from typing import Any, get_args

import pytest
from support import DECLARATION, edited, github_push, payload, plan

from events.canonical import Kind
from events.declaration import Events, PullRequest
from hookline.answers.explanation import explain
from hookline.answers.incoming import EventOptions, incoming
from sensors.clauses import CLAUSES, SETTINGS
from sensors.reasons import REASONS, meaning
from sensors.routes import rule

DECIDED: tuple[Kind, ...] = ("push", "tag", "pull_request", "image_push")
"""Kinds that a program decides; a schedule's event starts its one pipeline."""
PR = edited(payload("github/pull_request-opened"), repository__full_name="acme/shop")
PR["pull_request"]["base"]["repo"]["full_name"] = PR["pull_request"]["head"]["repo"]["full_name"] = (
    "acme/shop"
)
FORK = edited(PR, pull_request__head__repo__full_name="mallory/shop", action="labeled", label={"name": "ok"})
TAG = github_push(ref="refs/tags/v1")


def block(kind: Kind) -> Any:
    """The model of a kind's block in the declaration."""
    return next(each for each in get_args(Events.model_fields[kind].annotation) if each is not type(None))


def test_every_field_of_the_declaration_is_read_by_a_clause_or_is_no_filter() -> None:
    for kind in DECIDED:
        wired = {clause.filters[kind] for clause in CLAUSES if kind in clause.filters}
        settings = SETTINGS.get(kind, frozenset())
        assert wired | settings == set(block(kind).model_fields), kind
        assert not wired & settings


def test_a_field_that_no_clause_reads_cannot_be_accepted_and_ignored() -> None:
    class Labelled(PullRequest):
        labels: tuple[str, ...] = ()

    declared = Labelled.model_construct(forks="never", labels=("x",))
    with pytest.raises(LookupError, match=r"pull_request\.labels"):
        rule(Events.model_construct(pull_request=declared), "pull_request", {})


def test_the_program_gives_exactly_the_codes_of_the_table() -> None:
    text = resources.files("sensors").joinpath("decide.jq").read_text("utf-8")
    assert set(re.findall(r'\["([A-Z_]+)",', text)) - {"MATCH"} == {clause.code for clause in CLAUSES}
    assert len({clause.code for clause in CLAUSES}) == len(CLAUSES)
    assert {clause.code for clause in CLAUSES} < REASONS.keys()


MERGE = edited(payload("gitlab/merge_request"), object_attributes__last_commit__message="Fix")
PUSHED = payload("harbor/push_artifact")

# Kind and field → source, how it is declared, an event that it lets through, and one that it keeps out.
TRIED: dict[tuple[Kind, str], tuple[str, str, Any, Any]] = {
    ("push", "branches"): ("github", "branches: [main]", github_push(), github_push(ref="refs/heads/next")),
    ("push", "authors"): ("github", "authors: [octo]", github_push(), github_push(sender__login="bot")),
    ("push", "skip_markers"): (
        "github",
        "skip_markers: true",
        github_push(),
        github_push(head_commit__message="[skip ci]"),
    ),
    ("push", "paths"): (
        "github",
        'paths: {exclude: ["docs/**"]}',
        github_push(),
        edited(github_push(), commits=[{"added": [], "modified": ["docs/a"], "removed": []}]),
    ),
    ("tag", "tags"): ("github", 'tags: ["v*"]', TAG, github_push(ref="refs/tags/w1")),
    ("pull_request", "into"): ("github", "into: [master]", PR, edited(PR, pull_request__base__ref="next")),
    ("pull_request", "drafts"): ("github", "drafts: false", PR, edited(PR, pull_request__draft=True)),
    ("pull_request", "forks"): ("github", "forks: never", PR, FORK | {"action": "opened"}),
    ("pull_request", "approved_by"): (
        "github",
        "forks: sandboxed, approved_by: {label: ok}",
        FORK,
        edited(FORK, label__name="other"),
    ),
    ("pull_request", "authors"): ("github", "authors: [Codertocat]", PR, edited(PR, sender__login="bot")),
    ("pull_request", "skip_markers"): (
        "gitlab",
        "skip_markers: true",
        MERGE,
        edited(MERGE, object_attributes__last_commit__message="[skip ci]"),
    ),
    ("image_push", "tags"): (
        "harbor",
        'source: harbor, image: base/go, tags: ["1.26"]',
        PUSHED,
        edited(PUSHED, event_data__resources=[{"tag": "1.25"}]),
    ),
}


def declaration(source: str, kind: str, written: str) -> str:
    head = DECLARATION[: DECLARATION.index("    events:")]
    head = head.replace(
        "sources:", "sources:\n  gitlab: {host: gitlab, endpoint: /gitlab, secret: {name: a, key: b}}"
    )
    if source == "gitlab":
        head = head.replace("source: github, name: acme/shop", "source: gitlab, name: gitlabhq/gitlab-test")
    if "sandboxed" in written:
        head = head.replace("{namespace: ci}", "{namespace: ci, sandbox: {namespace: ci-forks}}")
        head = head.replace("    image: registry.example.com/acme/shop\n", "")
    return f"{head}    run: {{template: hookline-ci-go}}\n    events: {{{kind}: {{{written}}}}}\n"


def test_every_filter_is_tried() -> None:
    assert TRIED.keys() == {(kind, name) for clause in CLAUSES for kind, name in clause.filters.items()}


@pytest.mark.parametrize(("kind", "name"), TRIED, ids=[" ".join(key) for key in TRIED])
def test_every_filter_lets_events_through_and_keeps_events_out_under_its_own_code(
    kind: Kind, name: str
) -> None:
    source, written, through, out = TRIED[kind, name]
    code = next(clause.code for clause in CLAUSES if clause.filters.get(kind) == name)
    planned = plan(declaration(source, kind, written))
    headers = {"X-GitHub-Event": "pull_request" if kind == "pull_request" else "push"}
    verdicts = []
    for body in (through, out):
        options = EventOptions(source=source, headers=headers)
        found = explain(planned, incoming(planned, "event.json", json.dumps(body).encode(), options), "shop")
        verdicts.append((found.result.verdict, found.result.reason))
        assert next(each.position for each in found.clauses if each.code == code), (
            "it says where this is written"
        )
    assert verdicts == [("run", "MATCH"), ("skip", code)]


def test_a_skip_of_a_fork_says_which_of_two_things_is_wrong() -> None:
    assert meaning("FORKS", {"pull_request": {"fork": True}}).endswith("this pipeline takes none")
    assert meaning("FORKS", {"pull_request": {"fork": False}}).endswith("takes only those")
    agit = {"repository": "acme/Shop", "pull_request": {"fork": True, "head_repository": "acme/shop"}}
    assert meaning("FORKS", agit).startswith(
        "the payload does not prove that the pull request comes from a branch"
    )
    assert meaning("TAGS", {}) == REASONS["TAGS"]
