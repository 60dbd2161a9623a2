"""Bitbucket Cloud: how its deliveries read as canonical events, and that a delivery of several branches loses none.

The payloads were captured by others, or are Atlassian's own examples (tests/data/README.md).
"""

import copy
import hashlib
import hmac
import json
from typing import Any

import pytest
from host_cases import canonical, check, decided
from support import OTHER_SHA, SHA, data, edited, payload, plan

from documents.diagnostics import InvalidInput
from events.delivery import BusEvent, Delivery, Refusal
from events.host import host
from events.signatures import verify
from hookline.answers.simulation import Simulation, simulate
from hookline.plan.planning import Plan
from sensors.fan_out import runs_of

PUSH, TAG = payload("bitbucket/push"), payload("bitbucket/push_tag_create")
CHANGE, TAGGED = PUSH["push"]["changes"][0], TAG["push"]["changes"][0]
DELETED = payload("bitbucket/push_branch_delete")["push"]["changes"][0]
NEW = "141977fedf5cf35aa290ac87d4b5177ac4cd9de1"


def of(*changes: Any) -> Any:
    return edited(PUSH, push__changes=list(changes))


def branch(name: str, sha: str = NEW) -> Any:
    return edited(CHANGE, new__name=name, new__target__hash=sha, old__name=name)


def tag(name: str) -> Any:
    return edited(TAGGED, new__name=name)


CASES: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "push",
        PUSH,
        {
            "kind": "push",
            "repository": "brydzewski/foo",
            "ref": "refs/heads/master",
            "branch": "master",
            "sha": NEW,
            "before": "40e7580cf11311d84a6e5e97e2cbba6df1675750",
            "created": False,
            "deleted": False,
            "forced": False,
            "actor": "brydzewski",
            "message": "Update README",
            "files": None,
            "files_complete": False,
            "delivery": "d-1",
            "also": None,
        },
    ),
    ("Atlassian's example", payload("bitbucket/repo-push"), {"branch": "name-of-branch", "actor": "emmap1"}),
    ("new branch", payload("bitbucket/push_branch_create"), {"branch": "develop", "created": True}),
    ("deleted branch", payload("bitbucket/push_branch_delete"), {"branch": "develop", "deleted": True, "sha": None}),
    ("forced push", of(edited(CHANGE, forced=True)), {"forced": True}),
    ("tag", TAG, {"kind": "tag", "tag": "feature/x", "sha": NEW, "created": True, "occurrence": None}),
    (
        "annotated tag",
        of(edited(TAGGED, new__date="2018-07-02T20:26:56+00:00", new__message="v1")),
        {"kind": "tag", "sha": NEW, "message": "Update README", "occurrence": "2018-07-02T20:26:56+00:00"},
    ),
    ("deleted tag", payload("bitbucket/push_tag_delete"), {"kind": "tag", "tag": "feature/x", "deleted": True}),
    ("a change of a kind that we do not know", of(edited(CHANGE, new__type="bookmark")), {"kind": "other"}),
    ("no changes", of(), {"kind": "other", "repository": "brydzewski/foo"}),
    ("changes that are none", of(None, 7, "x"), {"kind": "other"}),
    ("a request", payload("bitbucket/pr_created"), {"kind": "other", "repository": "brydzewski/foo"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_delivery_is_read(body: Any, expected: dict[str, Any]) -> None:
    check(canonical("bitbucket", body, X_Event_Key="repo:push", X_Request_Uuid="d-1"), expected)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PUSH, "MATCH"),
        (TAG, "MATCH"),
        (payload("bitbucket/push_branch_delete"), "DELETED"),
        (payload("bitbucket/push_tag_delete"), "DELETED"),
        (of(branch("-x")), "REF"),
        (of(branch("$(id)")), "REF"),
        (of(branch("{{workflow.name}}")), "REF"),
        (of(branch("a\n")), "REF"),
        (of(branch("x", "HEAD")), "COMMIT"),
        (of(branch("x", "d3022fc0ca3d")), "COMMIT"),
        (of(edited(CHANGE, new__target__message="x\n\n[skip ci]")), "SKIP_MARKERS"),
        (payload("bitbucket/pr_created"), "EVENT"),
    ],
)
def test_a_delivery_starts_what_it_should(body: Any, reason: str) -> None:
    assert decided("bitbucket", body, {"push": {}, "tag": {}})["reason"] == reason


def test_the_signature_is_checked_as_the_event_source_checks_it() -> None:
    """It goes by the older header, with the newer algorithm."""
    body = json.dumps(PUSH).encode()
    digest = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": ("application/json",), "X-Hub-Signature": (f"sha256={digest}",)}
    verify(Delivery(headers, body), host("bitbucket"), b"s3cret")
    with pytest.raises(Refusal):
        verify(Delivery(headers, body + b" "), host("bitbucket"), b"s3cret")
    with pytest.raises(Refusal):
        verify(Delivery({}, body), host("bitbucket"), b"s3cret")


# --- Several branches and tags in one delivery ----------------------------------------------------------------------

DECLARATION = """\
version: 1
cluster: {namespace: ci%s}
sources:
  bitbucket: {host: bitbucket, endpoint: /bitbucket, secret: {name: hooks, key: bitbucket}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
  every: {repository: &repo {source: bitbucket, name: brydzewski/foo, url: https://bitbucket.org/brydzewski/foo.git}, events: {push: {}, tag: {}}, image: registry.example.com/every}
  main: {repository: *repo, events: {push: {branches: [main]}}, image: registry.example.com/main}
"""
IMAGE = f", image: registry.example.com/hookline@sha256:{'0' * 64}"


def asked(made: Plan, body: Any) -> Simulation:
    context = {"id": "delivered-1", "time": "2026-11-24T02:30:00Z"}
    event = json.loads(data("bitbucket", body))
    return simulate(made, BusEvent(made.endpoints["bitbucket"].event_source, "bitbucket", event, context))


def rows(found: Simulation) -> list[tuple[str, str, str]]:
    def ref(each: Any) -> str:
        return str(each["metadata"]["annotations"]["hookline.dev/ref"]) if each else ""

    return [(each.pipeline, each.reason, ref(each.workflow)) for each in found.results]


SEVERAL = of(branch("develop"), branch("main", SHA), DELETED, tag("v1"))


def test_each_branch_and_tag_of_a_delivery_starts_its_runs_by_a_fan_out() -> None:
    found = asked(plan(DECLARATION % IMAGE), SEVERAL)
    assert rows(found) == [
        ("every", "MATCH", "refs/heads/develop"),
        ("every", "MATCH", "refs/heads/main"),
        ("every", "MATCH", "refs/tags/v1"),
        ("main", "MATCH", "refs/heads/main"),
    ]
    (fan_out,) = found.fan_outs
    runs = runs_of(fan_out)
    assert len({each["metadata"]["name"] for each in runs}) == 4
    assert fan_out["metadata"]["labels"]["hookline.dev/fan-out-runs"] == "4"
    assert {each["metadata"]["annotations"]["hookline.dev/sha"] for each in runs} == {NEW, SHA}
    # The deleted branch starts nothing, and is named.
    assert [(each["branch"], each["deleted"]) for each in found.unused] == [("develop", True)]


def test_one_branch_makes_its_run_at_once() -> None:
    found = asked(plan(DECLARATION % IMAGE), of(branch("develop")))
    assert rows(found) == [("every", "MATCH", "refs/heads/develop"), ("main", "BRANCHES", "")]
    assert found.fan_outs == ()


def test_a_branch_has_the_same_run_alone_and_among_others() -> None:
    made = plan(DECLARATION % IMAGE)
    together = {each.workflow["metadata"]["name"] for each in asked(made, SEVERAL).results if each.workflow}
    alone = {
        each.workflow["metadata"]["name"]
        for change in SEVERAL["push"]["changes"]
        for each in asked(made, of(change)).results
        if each.workflow
    }
    assert together == alone


def test_without_a_fan_out_a_pipeline_starts_by_the_first_and_the_others_are_named() -> None:
    made = plan(DECLARATION % "")
    assert any(
        "tells all branches and tags of a push in one delivery" in each.message for each in made.warnings
    )
    found = asked(made, SEVERAL)
    assert rows(found) == [
        ("every", "MATCH", "refs/heads/develop"),
        ("every", "ANOTHER_PUSH", ""),
        ("every", "ANOTHER_PUSH", ""),
        ("main", "MATCH", "refs/heads/main"),
    ]
    assert found.fan_outs == ()


def test_a_change_that_starts_nothing_hides_no_other() -> None:
    for image in (IMAGE, ""):
        found = asked(plan(DECLARATION % image), of(DELETED, branch("{{x}}"), branch("main", SHA)))
        assert [each for each in rows(found) if each[1] == "MATCH"] == [
            ("every", "MATCH", "refs/heads/main"),
            ("main", "MATCH", "refs/heads/main"),
        ]


def test_requests_are_refused_with_the_reason() -> None:
    text = (DECLARATION % IMAGE).replace("tag: {}", "pull_request: {}")
    with pytest.raises(InvalidInput, match="cuts the commit of a request to 12 digits"):
        plan(text)


def test_the_same_push_is_one_event_and_a_remade_tag_is_another() -> None:
    rules: dict[str, Any] = {"push": {}, "tag": {}}
    sent = [decided("bitbucket", PUSH, rules, X_Request_Uuid=each)["event"] for each in ("1", "2")]
    assert sent[0] == sent[1]
    dated = [of(edited(TAGGED, new__date=f"2018-07-0{day}T20:26:56+00:00")) for day in (2, 3)]
    assert len({decided("bitbucket", each, rules)["event"] for each in dated}) == 2
    assert OTHER_SHA not in sent[0]
    assert copy.deepcopy(PUSH) == PUSH
