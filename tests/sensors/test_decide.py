"""The decision: every reason code, what a run carries, and what no payload can make it do."""

import copy
import json
import random
import re
from functools import cache
from typing import Any

import jq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import OTHER_SHA, PAYLOADS, SHA, ZERO, data, edited, github_push, payload, program
from tries import tries

from documents.globs import expression
from events.delivery import BusEvent
from events.host import host, host_names
from sensors.program import compose
from sensors.reasons import REASONS

KEY = "acme/shop"


def decide(
    rules: dict[str, Any], body: Any, event: str = "push", files: list[str] | None = None
) -> dict[str, Any]:
    return program("github", rules, (KEY, "codertocat/hello-world")).decide(
        data("github", body, X_Github_Event=event, X_Github_Delivery="d-1"), files
    )


PUSH: dict[str, Any] = {"push": {}}
PULL: dict[str, Any] = {"pull_request": {}}
PR = payload("github/pull_request-opened")

REASONED: list[tuple[str, dict[str, Any], Any, str, str]] = [
    ("run", PUSH, github_push(), "push", "run MATCH"),
    ("another repository", PUSH, github_push(repository__full_name="acme/other"), "push", "skip REPOSITORY"),
    ("no repository", PUSH, github_push(repository=None), "push", "skip REPOSITORY"),
    ("repository in other case", PUSH, github_push(repository__full_name="ACME/Shop"), "push", "run MATCH"),
    ("a tag, nobody asked", PUSH, github_push(ref="refs/tags/v1"), "push", "skip EVENT"),
    ("ping", PUSH, payload("github/ping-hook"), "ping", "skip EVENT"),
    ("deleted", PUSH, github_push(deleted=True), "push", "skip DELETED"),
    ("deleted, by zeros", PUSH, github_push(after=ZERO), "push", "skip DELETED"),
    ("no commit", PUSH, github_push(after=None), "push", "skip COMMIT"),
    ("a short commit", PUSH, github_push(after=SHA[:12]), "push", "skip COMMIT"),
    ("a commit with a line end", PUSH, github_push(after=SHA + "\n"), "push", "skip COMMIT"),
    (
        "branch chosen",
        {"push": {"branches": {"include": expression(["main", "release/*"])}}},
        github_push(ref="refs/heads/release/1"),
        "push",
        "run MATCH",
    ),
    (
        "a name that begins alike",
        {"push": {"branches": {"include": "main"}}},
        github_push(ref="refs/heads/maintenance"),
        "push",
        "skip BRANCHES",
    ),
    (
        "* stays within a part",
        {"push": {"branches": {"include": expression(["release/*"])}}},
        github_push(ref="refs/heads/release/1/2"),
        "push",
        "skip BRANCHES",
    ),
    (
        "exclude wins",
        {"push": {"branches": {"include": ".*", "exclude": "main"}}},
        github_push(),
        "push",
        "skip BRANCHES",
    ),
    (
        "author excluded, other case",
        {"push": {"authors": {"exclude": expression(["*-bot"])}}},
        github_push(sender__login="Deploy-BOT"),
        "push",
        "skip AUTHORS",
    ),
    (
        "bot with brackets",
        {"push": {"authors": {"include": "octo"}}},
        github_push(sender__login="renovate[bot]"),
        "push",
        "skip AUTHORS",
    ),
    ("marker", PUSH, github_push(head_commit__message="Fix [Skip CI]"), "push", "skip SKIP_MARKERS"),
    ("azure marker", PUSH, github_push(head_commit__message="***NO_CI***"), "push", "skip SKIP_MARKERS"),
    (
        "marker in the second line",
        PUSH,
        github_push(head_commit__message="Fix\n[skip ci]"),
        "push",
        "skip SKIP_MARKERS",
    ),
    (
        "marker ignored",
        {"push": {"skip_markers": False}},
        github_push(head_commit__message="[ci skip]"),
        "push",
        "run MATCH",
    ),
    (
        "path kept",
        {"push": {"paths": {"include": expression(["**/*.go"])}}},
        github_push(),
        "push",
        "run MATCH",
    ),
    (
        "path not kept",
        {"push": {"paths": {"include": expression(["docs/**"])}}},
        github_push(),
        "push",
        "skip PATHS",
    ),
    (
        "paths unknown run",
        {"push": {"paths": {"include": expression(["docs/**"])}}},
        github_push(forced=True),
        "push",
        "unknown PATHS",
    ),
    (
        "paths unknown, but one is kept",
        {"push": {"paths": {"include": expression(["main.go"])}}},
        github_push(forced=True),
        "push",
        "run MATCH",
    ),
    (
        "tag",
        {"tag": {"tags": {"include": expression(["v*"])}}},
        github_push(ref="refs/tags/v1.0"),
        "push",
        "run MATCH",
    ),
    (
        "tag not chosen",
        {"tag": {"tags": {"include": expression(["v*"])}}},
        github_push(ref="refs/tags/x"),
        "push",
        "skip TAGS",
    ),
    (
        "tag that cannot name an image",
        {"tag": {}},
        github_push(ref="refs/tags/rel/" + "1" * 100),
        "push",
        "skip IMAGE_TAG",
    ),
    (
        "tag that the template keeps",
        {"tag": {}},
        github_push(ref="refs/tags/latest"),
        "push",
        "skip IMAGE_TAG",
    ),
    (
        "tag of 101 characters",
        {"tag": {}},
        github_push(ref="refs/tags/" + "v" * 101),
        "push",
        "skip IMAGE_TAG",
    ),
    ("pull request", PULL, PR, "pull_request", "run MATCH"),
    ("pull request closed", PULL, edited(PR, action="closed"), "pull_request", "skip ACTION"),
    ("pull request labeled", PULL, edited(PR, action="labeled"), "pull_request", "skip ACTION"),
    ("fork", PULL, edited(PR, pull_request__head__repo__full_name="mallory/x"), "pull_request", "skip FORKS"),
    ("fork that is gone", PULL, edited(PR, pull_request__head__repo=None), "pull_request", "skip FORKS"),
    ("into another branch", {"pull_request": {"into": {"include": "main"}}}, PR, "pull_request", "skip INTO"),
    ("draft", PULL, edited(PR, pull_request__draft=True), "pull_request", "skip DRAFTS"),
    (
        "drafts wanted",
        {"pull_request": {"drafts": True}},
        edited(PR, pull_request__draft=True),
        "pull_request",
        "run MATCH",
    ),
]


SANDBOXED: dict[str, Any] = {"pull_request": {"approved_by": "ok-to-test"}}
FORK = edited(
    payload("github/pull_request-labeled"),
    label__name="ok-to-test",
    pull_request__head__repo__full_name="mallory/Hello-World",
    pull_request__head__sha=OTHER_SHA,
)
REASONED += [
    ("fork, approved", SANDBOXED, FORK, "pull_request", "run MATCH"),
    ("fork, approved, but of a trusted pipeline", PULL, FORK, "pull_request", "skip ACTION"),
    ("fork, another label", SANDBOXED, edited(FORK, label__name="bug"), "pull_request", "skip APPROVAL"),
    ("other case", SANDBOXED, edited(FORK, label__name="OK-to-test"), "pull_request", "skip APPROVAL"),
    ("longer", SANDBOXED, edited(FORK, label__name="ok-to-test "), "pull_request", "skip APPROVAL"),
    ("no label at all", SANDBOXED, edited(FORK, label=...), "pull_request", "skip APPROVAL"),
    ("label taken away", SANDBOXED, edited(FORK, action="unlabeled"), "pull_request", "skip ACTION"),
    ("fork that is gone, approved", SANDBOXED, edited(FORK, pull_request__head__repo=None), "pull_request", "run MATCH"),
    ("fork, closed", SANDBOXED, edited(FORK, action="closed"), "pull_request", "skip ACTION"),
    ("approved without a commit", SANDBOXED, edited(FORK, pull_request__head__sha=None), "pull_request", "skip COMMIT"),
    ("approved draft", SANDBOXED, edited(FORK, pull_request__draft=True), "pull_request", "skip DRAFTS"),
    ("approved by somebody else", {"pull_request": {"approved_by": "ok-to-test", "authors": {"include": "maintainer"}}}, FORK, "pull_request", "skip AUTHORS"),
    ("no fork, with the label", SANDBOXED, edited(FORK, pull_request__head__repo__full_name="codertocat/hello-world"), "pull_request", "skip FORKS"),
    ("no fork, sandboxed", SANDBOXED, PR, "pull_request", "skip FORKS"),
    *(
        (
            f"fork, {action}: an approval counts for one commit",
            SANDBOXED,
            edited(FORK, action=action, pull_request__labels=[{"name": "ok-to-test"}]),
            "pull_request",
            "skip APPROVAL",
        )
        for action in ("opened", "reopened", "synchronize", "ready_for_review")
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "body", "event", "expected"),
    [case[1:] for case in REASONED],
    ids=[case[0] for case in REASONED],
)
def test_reason(rules: dict[str, Any], body: Any, event: str, expected: str) -> None:
    found = decide(rules, body, event)
    assert f"{found['verdict']} {found['reason']}" == expected
    assert found["action"] == ("drop" if expected.startswith("skip") else "run")


def test_unknown_paths_skip_where_the_pipeline_says_so() -> None:
    found = decide({"push": {"paths": {"include": "docs/.+", "unknown": "skip"}}}, github_push(forced=True))
    assert (found["verdict"], found["action"]) == ("unknown", "drop")


def test_a_given_file_list_decides_what_the_payload_cannot() -> None:
    rules = {"push": {"paths": {"include": expression(["docs/**"])}}}
    assert decide(rules, github_push(forced=True), files=["docs/a.md"])["verdict"] == "run"
    assert decide(rules, github_push(forced=True), files=["main.go"])["verdict"] == "skip"
    assert decide(rules, github_push(), files=[])["verdict"] == "skip"


UNSAFE = [
    "a;id", "a$(id)", "a`id`", "a|id", "a&id", "-x", "--upload-pack=x", "a..b", "a//b", "x.lock", "x.lock/y", "x/", "x.",
    "{{workflow.name}}", "a{{b", "a b", "a\nb", "main\n", "é", "\u202emain", "a'b", 'a"b', "a\\b", "${IFS}", "@", "_x", ".x", "x" * 201, "",
]  # fmt: skip


@pytest.mark.parametrize("branch", UNSAFE)
def test_a_branch_that_a_shell_or_argo_would_read_never_runs(branch: str) -> None:
    assert decide(PUSH, github_push(ref=f"refs/heads/{branch}"))["reason"] == "REF"
    request = edited(PR, pull_request__head__ref=branch)
    assert decide(PULL, request, "pull_request")["reason"] == "REF"


def test_reason_codes_are_the_documented_ones() -> None:
    assert {case[4].split()[1] for case in REASONED} | {"REF"} <= REASONS.keys()
    codes = {
        code
        for rules, event in ((PUSH, "push"), (PULL, "pull_request"))
        for code, _ in program("github", rules, (KEY,)).clauses(
            data("github", github_push() if event == "push" else PR, X_Github_Event=event)
        )
    }
    assert codes <= REASONS.keys()


def test_the_first_clause_that_is_not_true_is_the_reason() -> None:
    for _, rules, body, event, expected in REASONED:
        found = program("github", rules, (KEY, "codertocat/hello-world"))
        text = data("github", body, X_Github_Event=event)
        clauses = found.clauses(text)
        first = next((code for code, result in clauses if result is not True), "MATCH")
        if clauses:
            assert first == expected.split()[1]


def test_a_run_carries_exactly_this() -> None:
    found = decide({"push": {}, "owner": "team-shop", "mutex": "own"}, github_push())
    assert found == {
        "action": "run",
        "verdict": "run",
        "reason": "MATCH",
        "pipeline": "shop",
        "kind": "push",
        "name": "shop",
        "event": f"shop github push {KEY} refs/heads/main {OTHER_SHA} {SHA}",
        "repository": KEY,
        "parameters": {"repo_name": "shop", "target_branch": "main"},
        "ref": "refs/heads/main",
        "sha": SHA,
        "actor": "octo",
        "delivery": "d-1",
        "labels": {
            "hookline.dev/source": "github",
            "hookline.dev/pipeline": "shop",
            "hookline.dev/config": "0123456789ab",
            "hookline.dev/event-kind": "push",
            "hookline.dev/owner": "team-shop",
        },
        "spec": {
            "workflowTemplateRef": {"name": "ci"},
            "synchronization": {"mutexes": [{"name": "own"}]},
            "arguments": {
                "parameters": [
                    {"name": "repo_name", "value": "shop"},
                    {"name": "target_branch", "value": "main"},
                ]
            },
        },
    }


def test_a_run_names_the_repository_that_is_built() -> None:
    """As the host spells it; for an image, whose event names another thing, as it is declared."""
    assert decide(PUSH, github_push(repository__full_name="ACME/Shop"))["repository"] == "ACME/Shop"
    fork = edited(FORK, pull_request__base__repo__full_name="Codertocat/Hello-World")
    assert decide(SANDBOXED, fork, "pull_request")["repository"] == "Codertocat/Hello-World"
    image = {"image_push": {}, "repository": "acme/shop"}
    found = program("acr", image, ("namespace/repoTest",)).decide(data("acr", payload("acr/push")))
    assert found["repository"] == "acme/shop"


@pytest.mark.parametrize(
    ("body", "event", "expected"),
    [
        (github_push(ref="refs/tags/v1.0"), "push", "refs/tags/v1.0"),
        (PR, "pull_request", "refs/pull/2/head"),
        (edited(PR, pull_request__number="2"), "pull_request", ""),
        (edited(PR, pull_request__number=-2), "pull_request", ""),
        (edited(PR, pull_request__number=0), "pull_request", ""),
        (edited(PR, pull_request__number=10**15), "pull_request", ""),
        (edited(PR, pull_request__number=...), "pull_request", ""),
    ],
)
def test_a_template_that_wants_the_full_ref_gets_it_or_nothing(body: Any, event: str, expected: str) -> None:
    found = decide({"tag": {}, "pull_request": {}}, body, event)
    assert found["parameters"]["ref"] == expected


def test_the_ref_of_a_request_says_which_one_it_is() -> None:
    found = decide(PULL, edited(PR, pull_request__head__ref="main"), "pull_request")
    assert found["ref"] == "refs/pull/2/head"  # not main, which is another branch in another repository
    assert decide(PULL, edited(PR, pull_request__number=None), "pull_request")["ref"] == "changes"


def test_an_approved_run_is_bound_to_the_commit_of_the_event() -> None:
    found = decide(SANDBOXED, FORK, "pull_request")
    assert (found["sha"], found["ref"]) == (OTHER_SHA, "refs/pull/2/head")
    assert found["event"].endswith(f" 2 {OTHER_SHA}")
    again = decide(SANDBOXED, edited(FORK, pull_request__head__sha=SHA), "pull_request")
    assert again["event"] != found["event"]


@settings(max_examples=tries(150))
@given(seed=st.integers(0, 2**32))
def test_no_edited_request_starts_a_sandbox_without_the_label_or_trusted_code_from_a_fork(seed: int) -> None:
    """Whatever a payload says, one of the two pipelines at most takes a request, and the label has to be there."""
    wire = json.loads(data("github", FORK, X_Github_Event="pull_request", X_Github_Delivery="d"))
    text = BusEvent("", "", mutate(wire, random.Random(seed))).text()
    keys = (KEY, "codertocat/hello-world")
    trusted, sandboxed = (program("github", rules, keys).decide(text) for rules in (PULL, SANDBOXED))
    event = program("github", PULL, keys).canonical(text)
    assert "run" not in {trusted["action"]} & {sandboxed["action"]}
    if sandboxed["action"] == "run":
        assert event["pull_request"]["fork"] is True
        assert event["pull_request"]["added_labels"] == ["ok-to-test"]
        assert sandboxed["sha"] == event["pull_request"]["head_sha"]
    if trusted["action"] == "run":
        assert event["pull_request"]["fork"] is False


def test_identity_tells_pull_requests_by_number_and_commit() -> None:
    found = decide(PULL, PR, "pull_request")
    assert found["event"].endswith(
        f"pull_request codertocat/hello-world 2 {PR['pull_request']['head']['sha']}"
    )


def test_identity_of_an_image_has_its_digest_or_the_time_of_the_push() -> None:
    rules: dict[str, Any] = {"image_push": {}}
    acr = program("acr", rules, ("namespace/repoTest",)).decide(data("acr", payload("acr/push")))
    assert acr["event"].endswith("latest " + payload("acr/push")["push_data"]["digest"])
    assert acr["ref"] == "namespace/repoTest:latest"
    hub = program("dockerhub", rules, ("octo/base",)).decide(data("dockerhub", payload("dockerhub/push")))
    assert hub["event"].endswith("image_push octo/base latest 1417566161")


IMAGES = [
    ("tag chosen", {"tags": {"include": expression(["1.26*"])}}, {"tag": "1.26.1"}, "run MATCH"),
    ("tag not chosen", {"tags": {"include": expression(["1.26*"])}}, {"tag": "1.25"}, "skip TAGS"),
    ("no tag", {}, {"tag": ""}, "skip IMAGE_TAG"),
    ("tag of a shell", {}, {"tag": "a;id"}, "skip IMAGE_TAG"),
    ("no digest", {}, {"digest": None}, "run MATCH"),
    ("digest of another shape", {}, {"digest": "md5:x"}, "skip DIGEST"),
    ("a cache", {}, {"tag": "buildcache"}, "skip ARTIFACT"),
    ("a cache that is named", {"artifacts": expression(["buildcache"])}, {"tag": "buildcache"}, "run MATCH"),
]


@pytest.mark.parametrize(
    ("rule", "change", "expected"), [case[1:] for case in IMAGES], ids=[case[0] for case in IMAGES]
)
def test_image_pushes(rule: dict[str, Any], change: dict[str, Any], expected: str) -> None:
    body = payload("acr/push")
    body["push_data"] |= change
    found = program("acr", {"image_push": rule}, ("namespace/repoTest",)).decide(data("acr", body))
    assert f"{found['verdict']} {found['reason']}" == expected


@pytest.mark.parametrize(
    "name",
    ["acme/shop {'pipeline'", "=1", "acme/shop\nx", "'", '"', "", " ", "acme/shop ", "a" * 10_000, "é/é"],
)
def test_no_repository_name_reaches_into_the_table(name: str) -> None:
    lines = {"acme/shop": {"push": {"branches": {"include": "x y"}}}}
    found = program("github", lines["acme/shop"], ("acme/shop", "acme/shop2")).decide(
        data("github", github_push(repository__full_name=name), X_Github_Event="push")
    )
    assert found["reason"] == "REPOSITORY"


def test_a_path_that_is_too_long_to_try_is_not_a_silent_no() -> None:
    rules = {"push": {"paths": {"include": expression(["docs/**"])}}}
    body = github_push()
    body["commits"][0]["modified"] = ["docs/" + "a" * 5000]
    assert decide(rules, body)["verdict"] == "unknown"


def test_a_pattern_that_the_offline_engine_gives_up_on_is_a_no() -> None:
    rules = {"push": {"paths": {"include": "[^/]*a" * 5 + "[^/]*b"}}}
    body = github_push()
    body["commits"][0]["modified"] = ["a" * 1000]
    assert decide(rules, body)["verdict"] == "skip"


# --- no payload makes a program fail, or lets an unsafe value through ----------------------------------------------

JUNK: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 1e3, 10**20, "", "a", "main", "refs/heads/main", "refs/tags/v1", ZERO, SHA, "b" * 64,
    "refs/heads/-x", "refs/heads/a..b", "{{x}}", "main\n", "é", "\U0001f600", "\ud800", "\x00\x1f", "a" * 100_000, [], {},
    [[]], [{}], {"a": 1}, [None], ["x"], "'", '"', "\\", "acme/x {'", "latest", "1.2",
]  # fmt: skip


@cache
def corpus(name: str) -> list[tuple[str, Any]]:
    folder = PAYLOADS / ("github" if name == "ghcr" else name)
    found = []
    for path in sorted(folder.glob("*.json")):
        body = json.loads(path.read_text("utf-8"))
        event = path.stem.removeprefix("octokit-").split("-")[0]
        found += [(event, each[2]) for each in body] if name == "distribution" else [(event, body)]
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = (
        value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    )
    for key, child in items:
        found += places(child, (*path, key))
    return found


def mutate(event: Any, chance: random.Random) -> Any:
    event = json.loads(json.dumps(event))
    for _ in range(chance.choice([1, 1, 2, 4])):
        found = places(event)
        if not found:
            break
        *parents, last = chance.choice(found)
        node = event
        for part in parents:
            node = node[part]
        if chance.random() < 0.3 and isinstance(node, dict):
            del node[last]
        else:
            node[last] = copy.deepcopy(chance.choice(JUNK))
    return event


PROGRAMS = {
    name: program(
        name,
        {
            "push": {"paths": {"include": ".*[.]go"}, "authors": {"exclude": ".*-bot"}},
            "tag": {},
            "pull_request": {},
            "image_push": {},
        },
        tuple(
            sorted(
                {
                    key
                    for event, body in corpus(name)
                    for key in program(name).keys(data(name, body, X_Github_Event=event, X_Gitea_Event=event))
                    if key and re.fullmatch(r"[A-Za-z0-9._/-]+", key)
                }
            )
        ),
    )
    for name in host_names()
}

PARAMETER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
FULL_REF = re.compile(r"(?:refs/(?:heads|tags|pull|merge-requests)/[A-Za-z0-9][A-Za-z0-9._/-]{0,199})?")
ALLOWED = {
    "sha": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64}|"),
    "ref": re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,500}"),
    "actor": re.compile(r"[A-Za-z0-9._@+\[\]-]{0,100}"),
    "delivery": re.compile(r"[A-Za-z0-9._:-]{0,128}"),
    "event": re.compile(r"[A-Za-z0-9._/:+ -]+"),
}


def check_harmless(found: dict[str, Any]) -> None:
    assert found["action"] in {"run", "drop"}
    assert found["reason"] in REASONS
    if found["action"] == "run":
        for name, value in found["parameters"].items():
            assert (FULL_REF if name == "ref" else PARAMETER).fullmatch(value)
        for key, allowed in ALLOWED.items():
            assert allowed.fullmatch(found[key]), key
        assert "{{" not in json.dumps(found)


@pytest.mark.parametrize("name", host_names())
@settings(max_examples=tries(150))
@given(seed=st.integers(0, 2**32), number=st.integers(0, 10**6))
def test_no_edited_payload_makes_a_program_fail_or_lets_an_unsafe_value_through(
    name: str, seed: int, number: int
) -> None:
    events = corpus(name)
    event, body = events[number % len(events)]
    wire = json.loads(data(name, body, X_Github_Event=event, X_Gitea_Event=event, X_Github_Delivery="d"))
    mutated = mutate(wire, random.Random(seed))
    check_harmless(PROGRAMS[name].decide(BusEvent("", "", mutated).text()))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("name", host_names())
@settings(max_examples=tries(60))
@given(body=ANY_JSON, header=ANY_JSON)
def test_no_json_at_all_makes_a_program_fail(name: str, body: Any, header: Any) -> None:
    for event in ({"headers": header, "body": body}, {"header": header, "body": body}):
        check_harmless(PROGRAMS[name].decide(BusEvent("", "", event).text()))


def test_every_kind_left_out_leaves_a_program_that_still_reads_everything() -> None:
    for name in host_names():
        for kind in host(name).kinds & {"push", "tag", "pull_request", "image_push"}:
            part = compose(host=host(name), source="s", kinds=frozenset({kind}), lines={}, templates={})
            for event, body in corpus(name)[:8]:
                assert (
                    part.decide(data(name, body, X_Github_Event=event, X_Gitea_Event=event))["verdict"]
                    == "skip"
                )


def test_a_program_is_compiled_once_however_many_events_it_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compile_text = jq.compile
    compiled: list[str] = []

    def count(text: str) -> Any:
        compiled.append(text)
        return compile_text(text)

    monkeypatch.setattr(jq, "compile", count)
    for number in range(3):
        asked = program("github", {"push": {"branches": {"include": "of-this-test-alone"}}}, (KEY,))
        event = data("github", github_push(ref=f"refs/heads/{number}"), X_Github_Event="push")
        asked.decide(event)
        asked.decide(event, [f"{number}.go"])
        asked.canonical(event)
        asked.clauses(event, [f"{number}.go", 'it\'s "so".md'])
    assert len(compiled) == 4
