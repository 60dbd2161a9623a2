"""What an edit loses of the events that wait on the bus: nothing by run settings, and nothing of other repositories by anything."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import plan
from tries import tries

from hookline.output import yaml_text
from hookline.plan.objects import objects
from hookline.plan.planning import Plan
from hookline.plan.subscriptions import SubscriptionChange, subscription_changes
from sensors.table import tabled
from triggers.declaration import Run

URL = "https://git.example.com/{repository}.git"
Declared = dict[str, dict[str, Any]]
"""Pipelines by name."""

SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "template": st.sampled_from(["ci-go-v1", "hookline-ci-go"]),
    "parameters": st.sampled_from([{}, {"dockerfile": "./build/Dockerfile"}]),
    "compute": st.sampled_from(["eci", "acs"]),
    "spot": st.sampled_from([False, {}]),
    "mutex": st.sampled_from(["one", "two"]),
    "limit": st.sampled_from(["few", "many"]),
    "ttl": st.sampled_from(["1h", "2h"]),
    "keep_pods": st.sampled_from(["1m", "2m"]),
    "deadline": st.sampled_from(["1h", "3h"]),
    "service_account": st.sampled_from(["ci-runner", "other"]),
    "priority": st.integers(-2, 2),
    "pod_labels": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"])),
    "pod_annotations": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"])),
}
"""Values of the settings that every pipeline takes; `retry`, `resources` and `pods` depend on the template, and have tests of their own."""


def runs() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=SETTINGS)


EVENTS = st.fixed_dictionaries(
    {"push": st.sampled_from([{}, {"branches": ["main"]}])},
    optional={
        "tag": st.just({"branch": "main"}),
        "pull_request": st.just({}),
        "schedule": st.sampled_from(
            [{"at": "30 2 * * *", "branch": "main"}, {"at": "0 5 * * 0", "branch": "main"}]
        ),
        "image_push": st.sampled_from(["base/go", "base/node"]).map(
            lambda image: {"source": "harbor", "image": image, "branch": "main"}
        ),
    },
)
PIPELINE = st.fixed_dictionaries(
    {
        "repository": st.builds(
            lambda source, number: {"source": source, "name": f"acme/r-{number}"},
            st.sampled_from(["github", "gitlab"]),
            st.integers(1, 6),
        ),
        "events": EVENTS,
        "run": runs(),
    },
    optional={
        "owner": st.sampled_from(["team-a", "team-b"]),
        "namespace": st.sampled_from(["team-a", "team-b"]),
    },
)
NAMES = st.integers(1, 30).map("p-{}".format)


def planned(pipelines: Mapping[str, Any], cluster: Mapping[str, Any] | None = None, **more: Any) -> Plan:
    secret = {"name": "hooks", "key": "token"}
    return plan(
        yaml_text(
            {
                "version": 1,
                "cluster": {"namespace": "ci", "shards": 3, **(cluster or {})},
                "sources": {
                    "github": {"host": "github", "endpoint": "/github", "secret": secret, "url": URL},
                    "gitlab": {"host": "gitlab", "endpoint": "/gitlab", "secret": secret, "url": URL},
                    "harbor": {"host": "harbor", "endpoint": "/harbor", "secret": secret},
                },
                "limits": {"few": 1, "many": 10},
                "defaults": {
                    "repository": {"source": "github"},
                    "image": "registry.example.com/{repository}",
                },
                "pipelines": dict(pipelines),
                **more,
            }
        )
    )


def losses(before: Plan, after: Plan) -> list[SubscriptionChange]:
    return [each for each in subscription_changes(objects(before), objects(after)) if each.loses_events]


def listened(pipeline: Mapping[str, Any]) -> set[str]:
    """The repository and image whose events a pipeline receives."""
    image = pipeline["events"].get("image_push", {}).get("image", pipeline["repository"]["name"])
    return {pipeline["repository"]["name"], image}


@settings(max_examples=tries(60))
@given(st.dictionaries(NAMES, PIPELINE, min_size=1, max_size=8), st.data())
def test_new_run_settings_lose_nothing(pipelines: Declared, data: st.DataObject) -> None:
    changed = {name: {**each, "run": data.draw(runs())} for name, each in pipelines.items()}
    before, after = planned(pipelines), planned(changed)
    assert [each.name for each in before.sensors] == [each.name for each in after.sensors]
    assert losses(before, after) == []


def test_every_setting_is_among_those_that_are_tried() -> None:
    assert set(Run.model_fields) == {*SETTINGS, "retry", "resources", "pods"}


@pytest.mark.parametrize(
    "run",
    [
        {"template": "hookline-ci-go", "resources": {"run-test": {"cpu": 2}}},
        {"template": "hookline-ci-go", "retry": False},
        {"template": "hookline-ci-go", "pods": "one"},
    ],
)
def test_settings_of_one_template_lose_nothing_either(run: dict[str, Any]) -> None:
    shop: dict[str, Any] = {
        "repository": "acme/shop",
        "events": {"push": {}, "schedule": {"at": "30 2 * * *", "branch": "main"}},
    }
    before = planned({"shop": shop})
    assert losses(before, planned({"shop": {**shop, "run": run}})) == []
    assert losses(before, planned({"shop": shop}, defaults={**planned_defaults(), "run": run})) == []


def planned_defaults() -> dict[str, Any]:
    return {"repository": {"source": "github"}, "image": "registry.example.com/{repository}"}


@settings(max_examples=tries(60))
@given(st.dictionaries(NAMES, PIPELINE, min_size=1, max_size=8), NAMES, PIPELINE | st.none())
def test_a_pipeline_that_comes_goes_or_changes_costs_no_other_repository_anything(
    pipelines: Declared, name: str, changed: dict[str, Any] | None
) -> None:
    rest = {other: each for other, each in pipelines.items() if other != name}
    before, after = planned(pipelines), planned(rest if changed is None else {**rest, name: changed})
    touched = set[str]().union(*(listened(each) for each in (pipelines.get(name), changed) if each))
    apart = {other for other, each in rest.items() if not listened(each) & touched}
    for each in losses(before, after):
        assert not apart & set(each.pipelines), each.effect
    carrying = {each.name for each in before.sensors if each.pipelines & apart}
    assert carrying <= {each.name for each in after.sensors}


def of_shop(**cluster: Any) -> Plan:
    shop = {
        "repository": "acme/shop",
        "events": {"push": {}, "schedule": {"at": "30 2 * * *", "branch": "main"}},
    }
    many = {f"p-{number}": {"repository": f"acme/r-{number}", "events": {"push": {}}} for number in range(20)}
    return planned({"shop": shop, **many}, cluster)


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"name": "other"}, "becomes other-"),
        ({"event_bus": {"name": "own"}}, "on the bus own"),
        ({"namespace": "elsewhere"}, "in elsewhere"),
        ({"schedules": ""}, "ends"),
        ({"schedules": "cron_workflow"}, "ends"),
        ({"shards": 4}, "to hookline-4/github-1-"),
        ({"shards": 2}, "becomes hookline-"),
        ({"platform": "ack-one", "allow": ["webhook"]}, "ends"),
    ],
)
def test_what_still_loses_is_said(cluster: dict[str, Any], said: str) -> None:
    calendar = {"schedules": "calendar"} if "platform" not in cluster else {}
    after = {
        key: each for key, each in (calendar | cluster).items() if each
    }  # an empty one leaves the key out
    found = losses(of_shop(schedules="calendar"), of_shop(**after))
    assert any(said in each.effect for each in found), found
    assert all(each.pipelines for each in found if not each.name.startswith("bus "))


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ({"replicas": 1}, {"replicas": 1, "version": "2.10.0"}, ["has one server"]),
        ({"replicas": 3}, {"replicas": 1}, ["has one server"]),
        ({"replicas": 3}, {"replicas": 3, "version": "2.10.0"}, []),
        ({"replicas": 1}, {"create": False}, ["ends"]),
        ({"replicas": 1}, {"replicas": 1}, []),
    ],
)
def test_a_bus_that_does_not_keep_its_events_is_said(
    before: dict[str, Any], after: dict[str, Any], lost: list[str]
) -> None:
    found = losses(of_shop(event_bus=before), of_shop(event_bus=after))
    assert [each.effect.split(",")[0].split(";")[0] for each in found] == lost


def test_shards_move_each_pipeline_from_where_it_was_to_where_it_is() -> None:
    before, after = of_shop(), of_shop(shards=4)

    def places(made: Plan) -> dict[str, str]:
        return {
            pipeline: sensor.name
            for sensor in made.sensors
            for each in sensor.dependencies
            if each.program is not None
            for pipeline in each.pipelines
        }

    old, new = places(before), places(after)
    moved = {name for name in old if old[name] != new[name]}
    assert moved
    assert {name for each in losses(before, after) for name in each.pipelines} == moved


def test_a_second_pipeline_of_a_repository_says_whose_lane_it_takes() -> None:
    one = {"shop": {"repository": "acme/shop", "events": {"push": {}}}}
    two = {**one, "a-first": {"repository": "acme/shop", "events": {"push": {}}}}
    (loss,) = losses(planned(one), planned(two))
    assert loss.pipelines == ("shop",)
    assert "shop moves to hookline-" in loss.effect
    later = {**one, "shop-nightly": {"repository": "acme/shop", "events": {"push": {}}}}
    assert losses(planned(one), planned(later)) == []


def test_a_pipeline_of_another_name_is_decided_in_the_place_of_the_old_one() -> None:
    one, two = ({name: {"repository": "acme/shop", "events": {"push": {}}}} for name in ("shop", "cart"))
    assert losses(planned(one), planned(two)) == []


@settings(max_examples=tries(20))
@given(st.dictionaries(NAMES, PIPELINE, min_size=1, max_size=8))
def test_the_table_of_a_program_says_whom_it_carries(pipelines: Declared) -> None:
    for sensor in planned(pipelines).sensors:
        for each in sensor.dependencies:
            if each.program is not None:
                keys, carried = zip(*tabled(each.program.text), strict=True)
                assert (set(keys), set(carried)) == (set(each.keys), set(each.pipelines))


@pytest.mark.parametrize("text", ["", ".", "{a: 1}", "def other: 1; other"])
def test_a_program_of_somebody_else_carries_nobody(text: str) -> None:
    assert list(tabled(text)) == []


def test_foreign_code_has_a_subscription_of_its_own() -> None:
    trusted: dict[str, Any] = {
        "repository": "acme/shop",
        "events": {"pull_request": {}},
        "run": {"template": "hookline-ci-go"},
    }
    foreign: dict[str, Any] = {
        **trusted,
        "repository": "acme/cart",
        "events": {"pull_request": {"forks": "sandboxed", "approved_by": {"label": "ok"}}},
    }
    made = planned({"shop": trusted, "cart": foreign}, {"shards": 1, "sandbox": {"namespace": "ci-forks"}})
    (sensor,) = made.sensors
    carried = {each.pipelines: each for each in sensor.dependencies}
    assert set(carried) == {("shop",), ("cart",)}
    assert [each.creates.namespaces for each in carried.values()] == [{"ci"}, {"ci-forks"}]
    assert "-sandbox-" in carried["cart",].name
