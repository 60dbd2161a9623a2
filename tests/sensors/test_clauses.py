"""A filter is one thing: its field, its clause, its code and its words stand in one table, and nothing is accepted and ignored."""

import json
import re
from importlib import resources
from typing import Any, get_args

import pytest
from support import DECLARATION, SHA, edited, github_push, payload, plan

from events.canonical import Kind
from events.declaration import Events, PullRequest
from hookline.answers.explanation import explain
from hookline.answers.incoming import EventOptions, incoming
from sensors.clauses import CLAUSES, SETTINGS, named_artifacts
from sensors.reasons import REASONS, meaning
from sensors.routes import rule

DECIDED: tuple[Kind, ...] = ("push", "tag", "pull_request", "merge_group", "image_push")
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

# Kind and field → source, how it is declared, an event that it lets through, and one that it keeps out; each with a list of files, if any.
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
    ("pull_request", "paths"): (
        "github",
        'paths: {exclude: ["docs/**"]}',
        (PR, ["docs/a", "b"]),
        (PR, ["docs/a"]),
    ),
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
    ("merge_group", "into"): (
        "github",
        "into: [main]",
        github_push(ref=f"refs/heads/gh-readonly-queue/main/pr-7-{SHA}"),
        github_push(ref=f"refs/heads/gh-readonly-queue/next/pr-7-{SHA}"),
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
    for each in (through, out):
        body, files = each if isinstance(each, tuple) else (each, None)
        options = EventOptions(source=source, headers=headers)
        found = explain(
            planned, incoming(planned, "event.json", json.dumps(body).encode(), options), "shop", files
        )
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


SUBJECTS: list[tuple[str, dict[str, Any], str]] = [
    ("EVENT", {"kind": "push"}, "push"),
    ("SUSPENDED", {"kind": "push"}, "any event"),
    ("DELETED", {"deleted": True}, "deleted"),
    ("DELETED", {}, "exists"),
    ("REF", {"branch": "main"}, "main"),
    ("REF", {"tag": "v1"}, "v1"),
    ("COMMIT", {"sha": "6113728f"}, "6113728f"),
    ("BRANCHES", {"branch": "main"}, "main"),
    ("TAGS", {"tag": "v1"}, "v1"),
    ("TAGS", {"image": {"tag": "1.26"}}, "1.26"),
    ("IMAGE_TAG", {}, "this push carries no tag"),
    ("DIGEST", {"image": {"digest": "md5:x"}}, "md5:x"),
    ("DIGEST", {}, "this push carries no digest"),
    ("ARTIFACT", {"image": {"artifact": "referrer"}}, "a signature, an attestation or an SBOM, by its tag"),
    ("ARTIFACT", {"image": {"artifact": "cache"}}, "a build cache"),
    ("ARTIFACT", {"image": {"artifact": "chart"}}, "a Helm chart, by its media type"),
    ("ARTIFACT", {"image": {"artifact": "artifact"}}, "no image, by its media type"),
    ("ARTIFACT", {"image": {"artifact": None}}, "an image"),
    ("ACTION", {"pull_request": {"action": "opened"}}, "opened"),
    ("ACTION", {}, "None"),
    ("FORKS", {"pull_request": {"head_repository": "mallory/shop", "fork": True}}, "head mallory/shop, foreign"),
    ("FORKS", {"pull_request": {"head_repository": "acme/shop", "fork": False}}, "head acme/shop"),
    ("APPROVAL", {"pull_request": {"added_labels": ["ok", "bug"]}}, "added ok, bug"),
    ("APPROVAL", {"pull_request": {"added_labels": []}}, "adds no label"),
    ("INTO", {"pull_request": {"base_ref": "main"}}, "main"),
    ("INTO", {"merge_group": {"base_ref": "next"}}, "next"),
    ("DRAFTS", {"pull_request": {"draft": True}}, "a draft"),
    ("DRAFTS", {"pull_request": {"draft": False}}, "ready for review"),
    ("AUTHORS", {"actor": "octo"}, "octo"),
    ("SKIP_MARKERS", {"skip_marker": "[skip ci]"}, "[skip ci]"),
    ("SKIP_MARKERS", {}, "no marker"),
    ("PATHS", {"files": None}, "no changed file is listed"),
    ("PATHS", {"files": ["a", "b", "c"], "files_complete": True}, "3 listed (all of them): a, b, c"),
    ("PATHS", {"files": ["a", "b", "c", "d"]}, "4 listed (not all that changed): a, b, c, …"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "event", "text"), SUBJECTS)
def test_a_clause_shows_the_part_of_the_event_that_it_looks_at(
    code: str, event: dict[str, Any], text: str
) -> None:
    assert next(each for each in CLAUSES if each.code == code).subject(event) == text


def test_every_clause_is_shown() -> None:
    assert {code for code, _, _ in SUBJECTS} == {clause.code for clause in CLAUSES}


WRITTEN: list[tuple[Kind, dict[str, Any], dict[str, Any]]] = [
    ("push", {}, {}),
    ("push", {"branches": ["main"]}, {"branches": {"include": "main"}}),
    ("push", {"branches": {"include": ["main"], "exclude": ["x"]}}, {"branches": {"include": "main", "exclude": "x"}}),
    ("push", {"authors": {"exclude": ["Octo"]}}, {"authors": {"exclude": "octo"}}),
    ("push", {"paths": ["a"]}, {"paths": {"include": "a"}}),
    ("push", {"paths": {"include": ["a"], "unknown": "run"}}, {"paths": {"include": "a", "unknown": "run"}}),
    ("push", {"paths": {"include": ["a"], "unknown": "skip"}}, {"paths": {"include": "a", "unknown": "skip"}}),
    ("push", {"skip_markers": False}, {"skip_markers": False}),
    ("push", {"skip_markers": True}, {}),
    ("tag", {"branch": "main", "tags": ["v1"]}, {"tags": {"include": "v1"}}),
    ("pull_request", {"forks": "never", "drafts": True, "into": ["main"]}, {"drafts": True, "into": {"include": "main"}}),
    ("pull_request", {"forks": "never", "drafts": False}, {}),
    ("pull_request", {"paths": {"exclude": ["a"]}}, {"paths": {"exclude": "a"}}),
    ("pull_request", {"forks": "sandboxed", "approved_by": {"label": "ok"}}, {"approved_by": "ok"}),
    ("merge_group", {"into": ["main"], "publish": True}, {"into": {"include": "main"}}),
    ("image_push", {"source": "harbor", "image": "base/go"}, {}),
    ("image_push", {"source": "harbor", "image": "base/go", "tags": ["v1"]}, {"tags": {"include": "v1"}, "artifacts": "v1"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "declared", "told"), WRITTEN)
def test_the_table_of_a_program_holds_what_a_filter_says_and_nothing_where_it_says_nothing(
    kind: Kind, declared: dict[str, Any], told: dict[str, Any]
) -> None:
    events = Events.model_validate({kind: declared})
    assert rule(events, kind, {}) == told
    assert rule(events, kind, {"version": "1"}) == {**told, "arguments": {"version": "1"}}


def test_a_skip_for_the_tag_of_an_image_says_whether_there_was_one() -> None:
    unusable = "the tag cannot name an image, or the template keeps it for itself"
    assert meaning("IMAGE_TAG", {"tag": "latest"}) == unusable
    assert meaning("IMAGE_TAG", {"image": {"tag": "a b"}}) == unusable
    assert meaning("IMAGE_TAG", {"image": {"tag": None}}) == "this push carries no tag"
    assert meaning("IMAGE_TAG", {}) == "this push carries no tag"


def test_only_tags_that_name_one_let_something_start_that_is_no_image() -> None:
    named = named_artifacts(["v*", "sha256-*.sig"])
    assert named is not None
    assert re.fullmatch(named, "sha256-1.sig")
    assert not re.fullmatch(named, "v1")
    assert named_artifacts(["v*"]) is None
    assert named_artifacts(None) is None
