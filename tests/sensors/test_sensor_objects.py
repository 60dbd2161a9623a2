"""Sensors: who carries what, whether it fits, and that an offline run is what the object says."""

import base64
import copy
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import DECLARATION, github_push, plan
from tries import tries

from documents.diagnostics import InvalidInput
from events.controller_rules import event_bus_problems, event_source_problems
from events.delivery import Delivery, bus_event
from events.environment import LIMIT_BYTES, environment_bytes, go_json_bytes
from events.host import host
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import simulate
from hookline.plan.objects import objects as all_objects
from hookline.plan.objects import sensor_object
from hookline.plan.planning import Plan
from hookline.plan.sizes import check_sizes
from sensors.assignment import LANES, bins, rendezvous
from sensors.controller_rules import sensor_problems


def repositories(count: int, *, shards: int = 1, per_repository: int = 1) -> str:
    lines = [
        DECLARATION[: DECLARATION.index("pipelines:")].replace(
            "{namespace: ci}", f"{{namespace: ci, shards: {shards}}}"
        ),
        "pipelines:\n",
    ]
    lines += [
        f"  service-{number}-{nth}:\n"
        f"    repository: {{source: github, name: acme/service-{number}, url: https://github.com/acme/service-{number}.git}}\n"
        f"    image: registry.example.com/acme/service-{number}-{nth}\n"
        f'    events: {{push: {{branches: [main], paths: ["part-{nth}/**"]}}}}\n'
        for number in range(count)
        for nth in range(per_repository)
    ]
    return "".join(lines)


def objects(made: Plan, kind: str) -> list[dict[str, Any]]:
    return [each for each in all_objects(made) if each["kind"] == kind]


def resolve(parameter: dict[str, Any], context: dict[str, str], data: dict[str, Any]) -> Any:
    """An independent reading of `src`, as argo-events pkg/sensors/triggers/params.go has it."""
    source = parameter["src"]
    if "contextKey" in source:
        return context[source["contextKey"]]
    if "dataKey" in source:
        value: Any = data
        for part in source["dataKey"].split("."):
            value = value[part]
        # A text is written as text; anything else as it is where the parameter says so.
        assert isinstance(value, dict if source.get("useRawData") else str)
        return value
    template = source.get("dataTemplate") or source["contextTemplate"]
    given_data: Any = data if "dataTemplate" in source else context

    def lookup(path: str) -> str:
        value: Any = given_data
        for part in path.removeprefix(".Input.").split("."):
            value = value[part]
        return str(value)

    def action(match: re.Match[str]) -> str:
        words = match[1].strip()
        if printf := re.fullmatch(
            r'printf "([^"]*)%s" \((\S+) \| trunc (\d+)\) \| sha256sum \| trunc 16', words
        ):
            text = printf[1] + lookup(printf[2])[: int(printf[3])]
            return hashlib.sha256(text.encode()).hexdigest()[:16]
        if words.endswith("| sha256sum | trunc 16"):
            return hashlib.sha256(lookup(words.split(" | ")[0]).encode()).hexdigest()[:16]
        return lookup(words)

    return re.sub(r"\{\{(.*?)\}\}", action, template)


def created(
    sensor: dict[str, Any], trigger_name: str, context: dict[str, str], data: dict[str, Any]
) -> dict[str, Any]:
    trigger = next(each for each in sensor["spec"]["triggers"] if each["template"]["name"] == trigger_name)
    resource = copy.deepcopy(trigger["template"]["k8s"]["source"]["resource"])
    for parameter in trigger["template"]["k8s"]["parameters"]:
        *parents, last = [part.replace("\\.", ".") for part in re.split(r"(?<!\\)\.", parameter["dest"])]
        node = resource
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[last] = resolve(parameter, context, data)
    return dict(resource)


@pytest.mark.parametrize("per_repository", [1, 2, 5])
def test_the_offline_workflow_is_what_the_rendered_sensor_would_create(per_repository: int) -> None:
    made = plan(repositories(3, per_repository=per_repository))
    body = github_push(repository__full_name="acme/service-1")
    body["commits"][0]["modified"] = [f"part-{nth}/x" for nth in range(per_repository)]
    event = incoming(made, "x", json.dumps(body).encode(), EventOptions("github", {"X-GitHub-Event": "push"}))
    results = simulate(made, event).results
    assert [result.pipeline for result in results] == [f"service-1-{nth}" for nth in range(per_repository)]
    sensors = {each["metadata"]["name"]: each for each in objects(made, "Sensor")}
    for result in results:
        assert result.verdict == "run"
        sensor = sensors[result.sensor or ""]
        dependency = next(each for each in sensor["spec"]["dependencies"] if each["name"] == result.trigger)
        import jq

        transformed = jq.compile(dependency["transform"]["jq"]).input_text(event.text()).first()
        assert re.search(dependency["filters"]["data"][0]["value"][0], transformed["hookline"]["action"])
        workflow = created(sensor, result.trigger or "", dict(event.context), transformed)
        assert workflow == result.workflow
        decided = transformed["hookline"]
        hashed = hashlib.sha256(decided["event"].encode()).hexdigest()[:16]
        assert workflow["metadata"]["name"] == f"{decided['name']}-{hashed}"
        arguments = {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}
        assert arguments["target_branch"] == "main"
        assert arguments["repo_url"] == "https://github.com/acme/service-1.git"
        assert workflow["spec"]["synchronization"]["mutexes"][0]["name"] == "service-1"


def test_the_offline_workflow_of_a_schedule_is_what_the_rendered_sensor_would_create() -> None:
    made = plan(
        DECLARATION.replace("namespace: ci", "namespace: ci, schedules: calendar").replace(
            "push: {branches: [main]}", 'schedule: {at: "30 2 * * *", branch: develop}'
        )
    )
    event = incoming(made, "schedule:shop", None, EventOptions())
    (result,) = simulate(made, event).results
    (sensor,) = objects(made, "Sensor")
    workflow = created(sensor, result.trigger or "", dict(event.context), {})
    assert workflow == result.workflow
    assert {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}[
        "target_branch"
    ] == "develop"


def test_two_deliveries_of_one_event_are_one_run_and_another_commit_is_another() -> None:
    made = plan()

    def name(delivery: str, **changes: Any) -> str:
        body = json.dumps(github_push(**changes)).encode()
        event = bus_event(
            Delivery({"X-Github-Event": ("push",), "X-Github-Delivery": (delivery,)}, body),
            host("github"),
            "hookline-webhooks",
            "github",
        )
        context = {"id": delivery, "time": "2026-11-24T00:00:00Z"}
        from dataclasses import replace

        (result,) = simulate(made, replace(event, context=context)).results
        assert result.workflow
        return str(result.workflow["metadata"]["name"])

    assert name("a") == name("b")
    assert name("a") != name("a", after="b" * 40)
    assert name("a") != name("a", before="c" * 40)


def test_nothing_but_name_labels_annotations_and_arguments_comes_from_an_event() -> None:
    made = plan(repositories(2, per_repository=5))
    for sensor in objects(made, "Sensor"):
        for trigger in sensor["spec"]["triggers"]:
            for parameter in trigger["template"]["k8s"]["parameters"]:
                source = parameter["src"]
                if source.get("useRawData"):
                    # Of these two the program makes all but arguments and a label of the table: tests/harmless.py.
                    assert (parameter["dest"], source["dataKey"]) in {
                        ("metadata.labels", "hookline.labels"),
                        ("spec", "hookline.spec"),
                    }
                else:
                    assert re.fullmatch(
                        r"metadata\.name|metadata\.(labels|annotations)\.hookline\\\.dev/[a-z-]+",
                        parameter["dest"],
                    )


def test_wider_than_the_lanes_gets_a_trigger_each_and_the_lanes_stay() -> None:
    few, many = plan(repositories(1, per_repository=LANES)), plan(repositories(1, per_repository=LANES + 2))
    assert [sensor.name for sensor in few.sensors] == ["hookline-1"]
    assert [sensor.name for sensor in many.sensors] == ["hookline-1", "hookline-wide"]
    assert [each.name for each in few.sensors[0].dependencies] == [
        each.name for each in many.sensors[0].dependencies
    ]


def test_every_pipeline_is_carried_once() -> None:
    made = plan(repositories(40, shards=3, per_repository=2))
    carried = [name for sensor in made.sensors for each in sensor.dependencies for name in each.pipelines]
    assert sorted(carried) == sorted(made.workloads)


PLATFORMS = [
    "{namespace: ci}",
    "{namespace: ci, shards: 3}",
    "{namespace: ci, schedules: cron_workflow}",
    "{platform: ack-one, allow: [webhook]}",
    "{platform: ack-one, allow: [webhook, calendar], schedules: calendar, shards: 2}",
]


@pytest.mark.parametrize("cluster", PLATFORMS)
def test_whatever_an_event_source_publishes_has_a_sensor_that_listens(cluster: str) -> None:
    text = (
        repositories(4, per_repository=5)
        .replace("{namespace: ci, shards: 1}", cluster)
        .replace(
            "events: {push:",
            'events: {schedule: {at: "30 2 * * *", branch: main}, image_push: {source: harbor, image: base/go}, push:',
        )
    )
    made = plan(text)
    published = {
        (source["metadata"]["name"], event)
        for source in objects(made, "EventSource")
        for kind in ("github", "webhook", "calendar")
        for event in source["spec"].get(kind, {})
    }
    heard: dict[tuple[str, str], set[str]] = {}
    for sensor in made.sensors:
        for each in sensor.dependencies:
            heard.setdefault((each.event_source, each.event_name), set()).update(each.pipelines)
    assert heard.keys() == published
    assert all(heard["hookline-webhooks", source] == set(made.workloads) for source in ("github", "harbor"))
    timed = {event for name, event in published if "calendar" in name} | {
        each["metadata"]["name"] for each in objects(made, "CronWorkflow")
    }
    assert timed == set(made.workloads)
    for manifest in objects(made, "Sensor"):
        assert sensor_problems(manifest, one_dependency_per_event="ack-one" in cluster) == []


@settings(max_examples=tries(50))
@given(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=60, unique=True), st.integers(1, 9))
def test_one_shard_more_moves_only_what_goes_to_the_new_one(keys: list[str], count: int) -> None:
    before, after = ({key: rendezvous(key, number) for key in keys} for number in (count, count + 1))
    assert all(before[key] == after[key] or after[key] == count + 1 for key in keys)


def within(sizes: dict[str, int], room: int) -> Callable[[list[str]], bool]:
    return lambda names: sum(sizes[name] for name in names) <= room


@settings(max_examples=tries(50))
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 50), min_size=1, max_size=40))
def test_bins_hold_what_fits_whatever_the_order(sizes: dict[str, int]) -> None:
    def packed(names: list[str]) -> dict[str, list[str]]:
        return {
            place: sorted(found) for place, found in bins(names, name=str, fit=within(sizes, 100)).items()
        }

    found = packed(sorted(sizes))
    assert found == packed(sorted(sizes, reverse=True))
    assert all(sum(sizes[name] for name in each) <= 100 for each in found.values())
    assert sorted(name for each in found.values() for name in each) == sorted(sizes)


@settings(max_examples=tries(100))
@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 50), min_size=1, max_size=40),
    st.text(min_size=9, max_size=9),
    st.integers(1, 50),
)
def test_one_item_more_moves_items_of_its_own_bin_alone_and_only_if_that_is_full(
    sizes: dict[str, int], more: str, size: int
) -> None:
    after = {**sizes, more: size}
    few, many = (
        {
            name: place
            for place, names in bins(some, name=str, fit=within(some, 100)).items()
            for name in names
        }
        for some in (sizes, after)
    )
    moved = {name for name in few if few[name] != many[name]}
    assert len({few[name] for name in moved}) <= 1
    if moved:
        (full,) = {few[name] for name in moved}
        assert size + sum(each for name, each in sizes.items() if few[name] == full) > 100


def test_what_fits_into_one_bin_has_a_name_that_no_item_is_part_of() -> None:
    assert list(bins("abc", name=str, fit=lambda some: len(some) <= 3)) == [""]


def test_environment_bytes_are_those_of_the_string_that_linux_gets() -> None:
    (sensor,) = objects(plan(repositories(20)), "Sensor")
    # Of the metadata, Argo Events copies name and namespace alone.
    metadata = {key: sensor["metadata"][key] for key in ("name", "namespace")} | {"creationTimestamp": None}
    text = json.dumps(
        {"metadata": metadata, "spec": sensor["spec"], "status": {}},
        separators=(",", ":"),
        ensure_ascii=False,
    )
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    variable = b"SENSOR_OBJECT=" + base64.b64encode(text.encode()) + b"\0"
    assert environment_bytes(sensor) == len(variable)
    assert go_json_bytes("<a>\u2028é") == len('"\\u003ca\\u003e\\u2028é"'.encode())


def test_too_many_pipelines_say_how_many_shards_they_need() -> None:
    text = repositories(700)
    with pytest.raises(InvalidInput) as refused:
        check_sizes(plan(text))
    (problem,) = refused.value.diagnostics
    match = re.search(r"set shards: (\d+)", problem.message)
    assert match
    enough = plan(text.replace("shards: 1", f"shards: {match[1]}"))
    check_sizes(enough)
    assert max(environment_bytes(sensor_object(enough, each)) for each in enough.sensors) < LIMIT_BYTES


def test_the_retry_ends_within_ninety_seconds() -> None:
    (sensor,) = objects(plan(), "Sensor")
    for trigger in sensor["spec"]["triggers"]:
        retry = trigger["retryStrategy"]
        first, factor = int(retry["duration"].removesuffix("s")), retry["factor"]
        waits = [first * factor**number * (1 + retry["jitter"]) for number in range(retry["steps"] - 1)]
        assert sum(waits) <= 90


# --- the controllers' rules ---------------------------------------------------------------------------------------


def test_what_is_rendered_breaks_no_rule() -> None:
    for each in all_objects(plan(repositories(3, per_repository=5))):
        if each["kind"] == "Sensor":
            assert sensor_problems(each) == []
        if each["kind"] == "EventSource":
            assert event_source_problems(each) == []
        if each["kind"] == "EventBus":
            assert event_bus_problems(each) == []


def broken(change: Any) -> list[str]:
    (sensor,) = objects(plan(), "Sensor")
    sensor = json.loads(json.dumps(sensor))
    change(sensor["spec"])
    return sensor_problems(sensor)


SENSOR_RULES: list[tuple[str, Any]] = [
    ("no event dependencies", lambda spec: spec.update(dependencies=[])),
    ("no triggers", lambda spec: spec.update(triggers=[])),
    ("duplicate trigger name", lambda spec: spec["triggers"].append(spec["triggers"][0])),
    (
        "the later one would win",
        lambda spec: spec["dependencies"].append(
            {**spec["dependencies"][0], "name": spec["dependencies"][0]["name"].replace("-", "_")}
        ),
    ),
    ("must define eventName", lambda spec: spec["dependencies"][0].pop("eventName")),
    ("cannot stand in conditions", lambda spec: spec["dependencies"][0].update(name="1a")),
    ("dead while the Sensor runs", lambda spec: spec["triggers"][0]["template"].update(conditions="a && b")),
    ("unknown operation", lambda spec: spec["triggers"][0]["template"]["k8s"].update(operation="apply")),
    ("absolute action", lambda spec: spec["triggers"][0]["template"]["k8s"].pop("source")),
    (
        "it would be skipped",
        lambda spec: spec["triggers"][0]["template"]["k8s"]["parameters"][0]["src"].update(
            dependencyName="x"
        ),
    ),
    (
        "the whole event is written",
        lambda spec: spec["triggers"][0]["template"]["k8s"]["parameters"][2]["src"].pop("dataTemplate"),
    ),
    (
        "needs src.dependencyName and dest",
        lambda spec: spec["triggers"][0]["template"]["k8s"]["parameters"][0].pop("dest"),
    ),
    ("atLeastOnce must be true", lambda spec: spec["triggers"][0].update(atLeastOnce=False)),
    ("nothing is retried", lambda spec: spec["triggers"][0].update(atLeastOnce=False)),
    (
        "values that are not empty",
        lambda spec: spec["dependencies"][0]["filters"]["data"][0].update(value=[""]),
    ),
    ("not anchored", lambda spec: spec["dependencies"][0]["filters"]["data"][0].update(value=["run"])),
    ("does not fit", lambda spec: spec["dependencies"][0]["transform"].update(jq="x" * 100_000)),
]


@pytest.mark.parametrize(("sentence", "change"), SENSOR_RULES, ids=[case[0] for case in SENSOR_RULES])
def test_a_broken_sensor_is_found(sentence: str, change: Any) -> None:
    assert any(sentence in problem for problem in broken(change))


SOURCE_RULES: list[tuple[str, Any]] = [
    ("endpoint can't be empty", lambda spec: spec["webhook"]["harbor"].update(endpoint="")),
    ("port must be a number in a string", lambda spec: spec["webhook"]["harbor"].update(port=12001)),
    ("the service does not lead", lambda spec: spec["webhook"]["harbor"].update(port="9")),
    ("more than one", lambda spec: spec["webhook"].update(github=spec["webhook"]["harbor"])),
    ("either repositories or organizations", lambda spec: spec["github"]["github"].update(organizations=[])),
    ("nothing is verified", lambda spec: spec["github"]["github"].pop("webhookSecret")),
    ("content type", lambda spec: spec["github"]["github"].update(contentType="xml")),
    (
        "recreate strategy",
        lambda spec: spec.update(calendar={"x": {"schedule": "0 0 * * *", "timezone": "UTC"}}),
    ),
    ("schedule:", lambda spec: spec.update(calendar={"x": {"schedule": "0 0 * *", "timezone": "UTC"}})),
    ("timezone", lambda spec: spec.update(calendar={"x": {"schedule": "0 0 * * *", "timezone": "CST"}})),
    (
        "EXDATE",
        lambda spec: spec.update(
            calendar={"x": {"schedule": "0 0 * * *", "timezone": "UTC", "exclusionDates": ["2026-12-31"]}}
        ),
    ),
]


@pytest.mark.parametrize(("sentence", "change"), SOURCE_RULES, ids=[case[0] for case in SOURCE_RULES])
def test_a_broken_event_source_is_found(sentence: str, change: Any) -> None:
    text = DECLARATION.replace(
        "push: {branches: [main]}",
        "push: {branches: [main]}\n      image_push: {source: harbor, image: base/go}",
    )
    (source,) = objects(plan(text), "EventSource")
    source = json.loads(json.dumps(source))
    change(source["spec"])
    assert any(sentence in problem for problem in event_source_problems(source))


def test_a_broken_bus_is_found() -> None:
    bus = {"spec": {"jetstream": {"version": "latest", "replicas": 2}}}
    assert len(event_bus_problems(bus)) == 2
    assert event_bus_problems({"spec": {}}) != []


def conditions(made: Plan) -> dict[str, str]:
    """Dependency → the conditions of its trigger."""
    return {
        trigger["template"]["name"]: trigger["template"]["conditions"]
        for sensor in objects(made, "Sensor")
        for trigger in sensor["spec"]["triggers"]
    }


def test_conditions_change_with_the_table_and_never_spell_the_dependency_as_it_is() -> None:
    """Both keep the events that wait on the bus over an edit: docs/decisions/2026-11-24-conditions-keep-events.md."""
    before, after = conditions(plan()), conditions(plan(DECLARATION.replace("[main]", "[main, next]")))
    assert before.keys() == after.keys()
    for name, text in before.items():
        assert text != after[name]
        assert name not in text
        assert text.partition(" // ")[0].replace("_", "-") == name


def test_conditions_are_plain_on_ack_one_and_for_schedules() -> None:
    ack_one = DECLARATION.replace("{namespace: ci}", "{namespace: ci, platform: ack-one, allow: [webhook]}")
    scheduled = DECLARATION.replace("namespace: ci", "namespace: ci, schedules: calendar").replace(
        "push: {branches: [main]}", 'schedule: {at: "30 2 * * *", branch: main}'
    )
    for made in (plan(ack_one), plan(scheduled)):
        assert conditions(made)
        assert all(name == text for name, text in conditions(made).items())


def test_another_event_source_is_another_dependency() -> None:
    """A consumer of the bus keeps its subject for life; under the old name the trigger would be dead."""
    images = DECLARATION.replace(
        "push: {branches: [main]}", "image_push: {source: harbor, image: a/b, branch: main}"
    )
    unverified = images.replace(
        "harbor: {host: harbor, endpoint: /harbor, secret: {name: harbor-webhook, key: token}}",
        "harbor: {host: acr, endpoint: /acr-4f9d0a31c7be25864f9d0a31c7be2586, "
        "unverified: {because: it cannot prove anything, allowed_cidrs: [10.0.0.0/8]}}",
    )
    assert conditions(plan(images)).keys().isdisjoint(conditions(plan(unverified)).keys())


@pytest.mark.parametrize("edit", ["run: {ttl: 2h}", "run: {priority: 3}", "owner: team-a", "schedule"])
def test_an_event_that_is_decided_again_after_an_edit_finds_its_workflow(edit: str) -> None:
    """A Sensor may be stopped between a Workflow and its acknowledgement."""
    text = repositories(1)
    events = "    events: {push: {branches: [main], "
    edited = (
        text.replace(events, events.replace("{push", '{schedule: {at: "0 3 * * *", branch: main}, push'))
        if edit == "schedule"
        else text.replace(events, f"    {edit}\n{events}")
    )
    assert edited != text
    before, after = (created_for_a_push(each) for each in (text, edited))
    assert before["metadata"]["name"] == after["metadata"]["name"]
    config = "hookline.dev/config"
    assert before["metadata"]["labels"][config] != after["metadata"]["labels"][config]


def created_for_a_push(text: str) -> dict[str, Any]:
    made = plan(text)
    body = github_push(repository__full_name="acme/service-0")
    body["commits"][0]["modified"] = ["part-0/x"]
    event = incoming(made, "x", json.dumps(body).encode(), EventOptions("github", {"X-GitHub-Event": "push"}))
    (result,) = simulate(made, event).results
    assert result.verdict == "run"
    return dict(result.workflow or {})
