"""Fan-outs: pipelines that are decided as a list are decided as each by itself, and their runs are the same."""

import copy
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import LABEL, events, mutated, text
from support import github_push, go_template, plan
from tries import tries

from events.delivery import BusEvent
from events.host import host, host_names
from hookline.answers.simulation import Result, Simulation, simulate
from hookline.output import yaml_text
from hookline.plan.objects import objects
from hookline.plan.planning import Plan
from hookline.plan.pods import pods_needed
from sensors.fan_out import MOST_ORDER_BYTES, OrderError, Pace, pace_of, runs_of
from sensors.program import reader

IMAGE = "registry.example.com/hookline@sha256:" + "0" * 64
NAME = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+")
CONTEXT = {"id": "delivered-1", "time": "2026-11-24T02:30:00Z"}
GIT: list[dict[str, Any]] = [
    {"push": {"branches": ["**"]}, "tag": {"tags": ["**"], "branch": "main"}, "pull_request": {}},
    {"push": {"branches": ["main"], "paths": ["**/*.go", "src/**"]}, "pull_request": {"drafts": False}},
    {"push": {"paths": {"exclude": ["docs/**"], "unknown": "skip"}}, "pull_request": {"into": ["main"]}},
    {
        "push": {"authors": {"exclude": ["*-bot"]}, "skip_markers": False},
        "tag": {"tags": ["v*"], "branch": "main"},
    },
    {"push": {"branches": {"exclude": ["release/**"]}}, "pull_request": {"paths": ["**/*.go"]}},
]
PUSHED: list[dict[str, Any]] = [
    {},
    {"tags": ["latest", "1.*"]},
    {"tags": {"exclude": ["*-rc*"]}},
    {"branch": "next"},
    {},
]


def declaration(name: str, *, fan_out: bool) -> str:
    """Five pipelines, or six with one of foreign code, for every repository or image in the events of a host."""
    record = host(name)
    read = reader(record, name)
    keys = sorted(
        {key for each in events(name) for key in read.keys(text(each)) if key and NAME.fullmatch(key)}
    )[:6]
    source: dict[str, Any] = {"host": name, "endpoint": f"/{name}-4f9d0a31c7be25864f9d0a31c7be2586"}
    if record.verification == "none":
        source["unverified"] = {"because": "the test's own", "allowed_cidrs": ["10.244.0.0/16"]}
    else:
        source["secret"] = {"name": "hooks", "key": name}
    pipelines: dict[str, Any] = {}
    for place, key in enumerate(keys):
        for number in range(5):
            own = f"{name}-{place}-{number}"
            found: dict[str, Any] = {
                "image": f"registry.example.com/out/{own}",
                "run": {"template": go_template().name},
            }
            if number == 3:
                found |= {"namespace": "team-b", "owner": "team-b"}
                found["run"] |= {"priority": 7, "mutex": "own"}
            if "push" in record.kinds:
                found["repository"] = {"source": name, "name": key, "url": f"https://example.com/{own}.git"}
                found["events"] = {kind: rule for kind, rule in GIT[number].items() if kind in record.kinds}
                if number == 2 and not record.lists_files:
                    # unknown: skip would skip every push.
                    found["events"]["push"] = {"authors": {"exclude": ["*-bot"]}}
            else:
                found["repository"] = {"name": f"acme/{own}", "url": f"https://example.com/{own}.git"}
                found["events"] = {
                    "image_push": {"source": name, "image": key, "branch": "main"} | PUSHED[number]
                }
            pipelines[own] = found
        if record.tells_added_labels:
            pipelines[f"{name}-{place}-forks"] = {
                "repository": {"source": name, "name": key, "url": "https://example.com/forks.git"},
                "events": {"pull_request": {"forks": "sandboxed", "approved_by": {"label": LABEL}}},
                "run": {"template": go_template().name},
            }
    cluster: dict[str, Any] = {"namespace": "ci", "sandbox": {"namespace": "ci-forks"}}
    if fan_out:
        cluster["image"] = IMAGE
    return yaml_text({"version": 1, "cluster": cluster, "sources": {name: source}, "pipelines": pipelines})


@cache
def planned(name: str, *, fan_out: bool) -> Plan:
    return plan(declaration(name, fan_out=fan_out))


def asked(made: Plan, name: str, wire: Any) -> Simulation:
    endpoint = made.endpoints[name]
    return simulate(made, BusEvent(endpoint.event_source, endpoint.name, wire, CONTEXT))


def in_short(each: Result, *, listed: bool) -> tuple[Any, ...]:
    """An answer without the marks of a fan-out."""
    workflow: Any = copy.deepcopy(each.workflow)
    if listed and each.fan_out is not None:
        name = workflow["metadata"]["labels"].pop("hookline.dev/fan-out")
        assert name == each.fan_out["metadata"]["name"]
        assert each.workflow in runs_of(each.fan_out)
    return each.pipeline, each.namespace, each.verdict, each.reason, each.action, workflow, each.pushes


def agree(name: str, wire: Any) -> Simulation:
    listed, alone = (asked(planned(name, fan_out=fan_out), name, wire) for fan_out in (True, False))
    together, one_by_one = (
        [in_short(each, listed=fan_out) for each in found.results]
        for fan_out, found in ((True, listed), (False, alone))
    )
    if host(name).several_refs or any(each.reason == "ANOTHER_PUSH" for each in alone.results):
        # A list starts the runs of every push in a delivery; a table those of one push, and of one branch a pipeline's.
        assert [each for each in one_by_one if each[5] is not None and each not in together] == []
    else:
        assert together == one_by_one
        assert (listed.unused, listed.others) == (alone.unused, alone.others)
    running = [each for each in listed.results if each.workflow is not None]
    by_table: dict[str | None, list[Result]] = {}
    for each in running:
        by_table.setdefault(each.trigger, []).append(each)
    for runs in by_table.values():
        # One run is made as it is; several are started by one fan-out.
        assert {each.fan_out is not None for each in runs} == {len(runs) > 1}
    return listed


@pytest.mark.parametrize("name", host_names())
def test_every_recorded_event_gives_the_same_runs_as_a_list_and_one_by_one(name: str) -> None:
    found = [agree(name, wire) for wire in events(name)]
    assert any(each.fan_outs for each in found)


def test_a_push_that_one_pipeline_of_many_takes_makes_its_run_at_once() -> None:
    paths = "".join(
        f"  m{number}: {{repository: {{source: github, name: acme/mono, url: 'https://example.com/acme/mono.git'}}, "
        f"image: registry.example.com/acme/m{number}, events: {{push: {{paths: [m{number}/**, go.mod]}}}}}}\n"
        for number in range(50)
    )
    text_ = HEAD.replace(
        "acr: {host: acr",
        "github: {host: github, endpoint: /github, secret: {name: x, key: y}}\n  acr: {host: acr",
    )
    made = plan(text_ % (IMAGE, "") + paths)

    def changing(*files: str) -> Simulation:
        body = github_push(repository__full_name="acme/mono")
        body["commits"][0]["modified"] = list(files)
        return asked(made, "github", {"headers": {"X-Github-Event": ["push"]}, "body": body})

    assert [sensor.name for sensor in made.sensors] == ["hookline-fan-out"]
    assert changing("m7/main.go").fan_outs == ()
    (one,) = (each for each in changing("m7/main.go").results if each.workflow)
    assert (one.pipeline, one.fan_out) == ("m7", None)
    assert "hookline.dev/fan-out" not in (one.workflow or {})["metadata"]["labels"]
    (fan_out,) = changing("m7/main.go", "m9/main.go").fan_outs
    assert [run["metadata"]["labels"]["hookline.dev/pipeline"] for run in runs_of(fan_out)] == ["m7", "m9"]
    (fan_out,) = changing("go.mod").fan_outs
    assert len(runs_of(fan_out)) == 50


@pytest.mark.parametrize("name", host_names())
@settings(max_examples=tries(40))
@given(seed=st.integers(0, 2**32))
def test_edited_events_give_the_same_runs_as_a_list_and_one_by_one(name: str, seed: int) -> None:
    for wire in mutated(name, seed, 5):
        for each in agree(name, wire).fan_outs:
            assert "{{" not in json.dumps(each)


# --- The fan-out itself --------------------------------------------------------------------------------------------

HEAD = """\
version: 1
cluster: {namespace: ci, image: '%s'%s}
sources:
  acr: {host: acr, endpoint: /acr-4f9d0a31c7be25864f9d0a31c7be2586, unverified: {because: the test's own, allowed_cidrs: [10.244.0.0/16]}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
"""
PUSH: Mapping[str, Any] = {
    "push_data": {"digest": "sha256:" + "a" * 64, "tag": "latest"},
    "repository": {"repo_full_name": "base/golang"},
}


def lines(count: int, more: str = "") -> str:
    """Pipelines that one image starts."""
    return "".join(
        f"  p{number:04}: {{repository: {{name: acme/p{number}, url: 'https://example.com/acme/p{number}.git'}}, "
        f"image: registry.example.com/acme/p{number}, events: {{image_push: {{source: acr, image: base/golang{more}}}}}}}\n"
        for number in range(count)
    )


def many(count: int, cluster: str = "", more: str = "") -> Plan:
    """The plan of such pipelines."""
    return plan(HEAD % (IMAGE, cluster) + lines(count, more))


def pushed(made: Plan, **changes: Any) -> Simulation:
    body = copy.deepcopy(dict(PUSH))
    body["push_data"] |= changes
    return asked(made, "acr", {"header": {}, "body": body})


def test_three_hundred_pipelines_of_an_image_take_one_sensor() -> None:
    made = many(300)
    assert [sensor.name for sensor in made.sensors] == ["hookline-fan-out"]
    (fan_out,) = pushed(made).fan_outs
    assert len(runs_of(fan_out)) == 300
    assert fan_out["metadata"]["labels"]["hookline.dev/fan-out-runs"] == "300"
    assert pace_of(fan_out) == Pace(20, 30, 0)


def test_on_ack_one_a_list_takes_one_sensor_where_each_pipeline_took_one() -> None:
    platform = ", platform: ack-one, allow: [webhook]"
    assert [
        (pods.total, len(made.sensors)) for made in (many(300, platform),) for pods in [pods_needed(made)]
    ] == [(5, 1)]
    text_ = (HEAD % (IMAGE, platform)).replace(f", image: '{IMAGE}'", "") + lines(300)
    assert (pods_needed(plan(text_)).total, len(plan(text_).sensors)) == (304, 300)


def test_thousands_of_pipelines_take_a_sensor_for_each_part_that_one_can_hold_and_share_the_pace() -> None:
    made = many(4_000, ", fan_out: {at_once: 40}")
    fan_outs = pushed(made).fan_outs
    assert 1 < len(made.sensors) == len(fan_outs) <= 8
    assert len({run["metadata"]["name"] for each in fan_outs for run in runs_of(each)}) == 4_000
    assert sum(pace_of(each).at_once for each in fan_outs) <= 40
    # The API server takes objects of 1.5 MiB.
    assert max(len(json.dumps(each)) for each in fan_outs) < MOST_ORDER_BYTES


def test_a_thousand_pipelines_of_an_image_take_one_sensor_and_one_fan_out() -> None:
    made = many(1_000)
    assert [sensor.name for sensor in made.sensors] == ["hookline-fan-out"]
    (fan_out,) = pushed(made).fan_outs
    assert len(runs_of(fan_out)) == 1_000


def test_a_delivery_of_several_pushes_starts_each_pipeline_by_the_first_that_it_takes() -> None:
    made = plan(
        (HEAD % (IMAGE, ""))
        .replace("acr: {host: acr", "registry: {host: distribution")
        .replace("/acr-", "/registry-")
        .replace(
            "unverified: {because: the test's own, allowed_cidrs: [10.244.0.0/16]}",
            "secret: {name: hooks, key: registry}",
        )
        + "".join(
            f"  p{number}: {{repository: {{name: acme/p{number}, url: 'https://example.com/acme/p{number}.git'}}, "
            f"image: registry.example.com/acme/p{number}, events: {{image_push: {{source: registry, image: base/golang, tags: [{tag}]}}}}}}\n"
            for number, tag in enumerate(("'1.*'", "'1.*'", "latest", "latest", "edge"))
        )
    )
    pushes = [
        {
            "action": "push",
            "target": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "repository": "base/golang",
                "tag": tag,
                "digest": "sha256:" + digit * 64,
            },
        }
        for tag, digit in (("1.26", "a"), ("latest", "b"))
    ]
    found = asked(made, "registry", {"header": {}, "body": {"events": pushes}})
    (fan_out,) = found.fan_outs
    assert {
        run["metadata"]["labels"]["hookline.dev/pipeline"]: run["metadata"]["annotations"]["hookline.dev/ref"]
        for run in runs_of(fan_out)
    } == {
        "p0": "base/golang:1.26",
        "p1": "base/golang:1.26",
        "p2": "base/golang:latest",
        "p3": "base/golang:latest",
    }
    assert found.unused == ()


def test_a_fan_out_has_the_name_of_its_event_whatever_is_edited() -> None:
    (before,), (after,), (newer,) = (
        pushed(many(5)).fan_outs,
        pushed(many(9, ", fan_out: {at_once: 3}", ", branch: next")).fan_outs,
        pushed(many(5), digest="sha256:" + "b" * 64).fan_outs,
    )
    assert before["metadata"]["name"] == after["metadata"]["name"] != newer["metadata"]["name"]
    assert before["metadata"]["name"].startswith("fan-out-base-golang-")
    assert len(before["metadata"]["name"]) <= 63


def test_runs_that_wait_for_their_turn_have_a_low_priority_unless_they_say_one() -> None:
    def priorities(made: Plan) -> set[Any]:
        return {each.workflow["spec"].get("priority") for each in pushed(made).results if each.workflow}

    assert priorities(many(20)) == {None}
    assert priorities(many(21)) == {-1}
    text_ = HEAD % (IMAGE, ", fan_out: {at_once: 1}")
    text_ = text_.replace(
        "{run: {template: hookline-ci-go}}", "{run: {template: hookline-ci-go, priority: 3}}"
    )
    assert priorities(plan(text_ + lines(4))) == {3}


def test_an_image_may_have_a_pace_of_its_own() -> None:
    made = many(5, ", fan_out: {at_once: 3, only: {base/golang: {every: 10s, quiet: 2m}}}")
    (fan_out,) = pushed(made).fan_outs
    assert pace_of(fan_out) == Pace(3, 10, 120)
    assert pace_of(fan_out).seconds(5) == 130


def test_the_runs_of_a_fan_out_follow_from_the_fan_out_alone() -> None:
    found = pushed(many(5))
    (fan_out,) = found.fan_outs
    # As the API server gives it back.
    assert runs_of(json.loads(json.dumps(fan_out))) == tuple(each.workflow for each in found.results)


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {}},
        {"spec": {"arguments": {"parameters": None}}},
        {"spec": {"arguments": {"parameters": [{"name": "order"}]}}},
        *({"spec": {"arguments": {"parameters": [{"name": "order", "value": order}]}}} for order in ("", "{", "[]", "null", '"x"', '{"frame": {}, "runs": [{}]}', '{"frame": 1, "runs": 2}', '{"frame": {"templates": {}}, "runs": [null]}')),
        {"metadata": {"name": "x", "namespace": "ci"}},
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_read_is_refused_with_words(change: dict[str, Any]) -> None:
    (fan_out,) = pushed(many(5)).fan_outs
    with pytest.raises(OrderError, match="order"):
        runs_of({**fan_out, **change})


def test_a_pod_of_hooklines_image_starts_the_runs_with_the_rights_for_that_alone() -> None:
    made = planned("github", fan_out=True)
    found = {
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]): each
        for each in objects(made)
    }
    template = found["WorkflowTemplate", "ci", "hookline-fan-out"]
    assert template["spec"]["templates"][0]["container"]["image"] == IMAGE
    assert {
        place: found["Role", place, "hookline-fan-out"]["rules"] for place in ("ci", "team-b", "ci-forks")
    } == {
        "ci": [
            {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list"]},
            {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create"]},
        ],
        "team-b": [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create"]}],
        "ci-forks": [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create"]}],
    }
    bound = found["RoleBinding", "team-b", "hookline-fan-out"]
    assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "hookline-fan-out", "namespace": "ci"}]
    assert ("ServiceAccount", "ci", "hookline-executor") in found, "Argo's own containers report the result"


def test_three_pipelines_of_an_image_need_no_fan_out() -> None:
    made = many(3)
    assert [sensor.name for sensor in made.sensors] == ["hookline-1"]
    assert not [each for each in objects(made) if each["kind"] == "WorkflowTemplate"]
    assert pushed(made).fan_outs == ()
