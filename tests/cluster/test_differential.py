"""The Sensor and the offline run agree: every shipped program, the corpus and edited events, by the real engine.

Three kinds of proof. Decisions: whole decisions and every value of the Workflow go to a recorder, dropped events
included (the Sensor's filter is left out there, since it would hide them). Workflows: a sample goes through the Sensors
as rendered into Workflow objects. A Sensor that says something else is seen: the last test changes one.
"""

import copy
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cluster.bus_client import cloud_event
from cluster.fleet import HOOKLINE_IMAGE
from cluster.installation import Installation, masked
from cluster.recorder import Recorder
from mutations import LABEL, events, mutated
from support import go_template

from events.delivery import BusEvent
from events.host import host, host_names
from hookline.output import yaml_text
from hookline.plan.objects import objects
from sensors.dependencies import Dependency
from sensors.manifests import SensorPlan
from sensors.program import reader

SEED = 20261124
NAME = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+")
EDITED = 1_800
"""Edited events per host."""
LISTED = 2_000
"""The same, for programs that decide several pipelines of a key."""
SAMPLE = 12
"""Edited events per host that go on to Workflow objects, about half of which run."""
TIME = "2026-11-24T02:30:00Z"

GIT: dict[str, Any] = {
    "push": {
        "branches": ["**"],
        "paths": {"include": ["**/*.go", "**/*.md", "src/**"], "exclude": ["docs/**"]},
        "authors": {"exclude": ["*-bot"]},
    },
    "tag": {"tags": ["**"], "branch": "main"},
    "pull_request": {"into": ["**"], "drafts": False},
}
FORKS: dict[str, Any] = {"pull_request": {"forks": "sandboxed", "approved_by": {"label": LABEL}}}
OTHER_GIT: tuple[dict[str, Any], ...] = (
    GIT,
    {"push": {"branches": ["main"], "paths": ["**/*.go"]}, "pull_request": {"drafts": False}},
    {
        "push": {"paths": {"exclude": ["docs/**"], "unknown": "skip"}},
        "tag": {"tags": ["v*"], "branch": "main"},
    },
    {
        "push": {"branches": {"exclude": ["release/**"]}, "skip_markers": False},
        "pull_request": {"paths": ["**/*.go"]},
    },
)
OTHER_PUSHES: tuple[dict[str, Any], ...] = (
    {},
    {"tags": ["latest", "1.*"]},
    {"tags": {"exclude": ["*-rc*"]}},
    {"branch": "next"},
)
"""Events of the pipelines that share a repository or image."""


def told(rule: dict[str, Any], *, lists_files: bool) -> dict[str, Any]:
    """A rule as a host may have it: where none lists the files of a push, `unknown: skip` would skip all."""
    paths = rule.get("paths")
    if lists_files or not isinstance(paths, dict):
        return rule
    return {**rule, "paths": {key: each for key, each in paths.items() if key != "unknown"}}


def declaration(*, listed: bool = False) -> str:
    """A pipeline for every repository and image in the events of every host; with lists four of them, which fan-outs start."""
    sources: dict[str, Any] = {}
    pipelines: dict[str, Any] = {}
    for name in host_names():
        record = host(name)
        endpoint = f"/{name}-4f9d0a31c7be25864f9d0a31c7be2586"
        if record.verification == "none":
            why = {"because": "the test's own", "allowed_cidrs": ["10.244.0.0/16"]}
            sources[name] = {"host": name, "endpoint": endpoint, "unverified": why}
        else:
            sources[name] = {"host": name, "endpoint": endpoint, "secret": {"name": "hooks", "key": name}}
        reading = reader(record, name)
        keys = {key for event in events(name) for key in reading.keys(BusEvent("", "", event).text())}
        for number, key in enumerate(sorted(key for key in keys if key and NAME.fullmatch(key))):
            for more in range(len(OTHER_GIT) if listed else 1):
                pipeline = f"{name}-{number}-{more}" if listed else f"{name}-{number}"
                git = f"https://example.com/{pipeline}.git"
                found: dict[str, Any] = {"image": f"registry.example.com/out/{pipeline}"}
                if "push" in record.kinds:
                    found["repository"] = {"source": name, "name": key, "url": git}
                    wanted = OTHER_GIT[more] | {"merge_group": {}}
                    found["events"] = {
                        kind: told(rule, lists_files=record.lists_files)
                        for kind, rule in wanted.items()
                        if kind in record.kinds
                    }
                    # One that takes any ref, and compares commits where the host lists no files.
                    if (number + more) % 2 or more == 3 or not record.lists_files:
                        found["run"] = {"template": go_template().name}
                    if record.tells_added_labels and not more:
                        pipelines[f"{pipeline}-forks"] = {
                            "repository": found["repository"],
                            "events": FORKS,
                            "run": {"template": go_template().name},
                        }
                else:
                    found["repository"] = {"name": f"acme/{pipeline}", "url": git}
                    pushed = {"source": name, "image": key, "branch": "main"} | OTHER_PUSHES[more]
                    found["events"] = {"image_push": pushed}
                pipelines[pipeline] = found
    cluster: dict[str, Any] = {
        "namespace": "ci",
        "sandbox": {"namespace": "ci-forks"},
        "shards": 6,
        "event_bus": {"replicas": 1},
        # Hosts that tell several branches in one delivery are always decided as lists.
        "image": HOOKLINE_IMAGE,
        **({"fan_out": {"at_once": 3}} if listed else {}),
    }
    return yaml_text({"version": 1, "cluster": cluster, "sources": sources, "pipelines": pipelines})


def declare(site: Installation, *, listed: bool = False) -> None:
    """Read the declaration, with the template of foreign code."""
    text = declaration(listed=listed)
    site.declare_files([("hookline.yaml", text.encode())], {go_template().name: go_template()})


def recording(sensor: dict[str, Any], url: str) -> dict[str, Any]:
    """The Sensor with its transforms and parameters as rendered, sending to a recorder what they come to."""
    found = copy.deepcopy(sensor)
    for dependency in found["spec"]["dependencies"]:
        del dependency["filters"]
    for trigger in found["spec"]["triggers"]:
        template = trigger["template"]
        parameters = template.pop("k8s")["parameters"]
        name = template["name"]
        payload = [
            {"src": {"dependencyName": name, "contextKey": "id"}, "dest": "id"},
            {"src": {"dependencyName": name, "dataKey": "hookline"}, "dest": "decision"},
            *(
                {"src": {**parameter["src"], "value": "absent"}, "dest": f"values.v{number}"}
                for number, parameter in enumerate(parameters)
            ),
        ]
        template["http"] = {
            "url": f"{url}/{found['metadata']['name']}/{name}",
            "method": "POST",
            "payload": payload,
        }
        del trigger["dlqTrigger"]
    return found


def expected(dependency: Dependency, event: Mapping[str, Any]) -> Any:
    """What the offline run says that the recorder gets."""
    if dependency.program is None:
        raise ValueError("schedules have no program")
    text = BusEvent("", "", event["data"]).text()
    decision = dependency.program.decide(text)
    values = {}
    for number, parameter in enumerate(dependency.creates.parameters):
        try:
            value = parameter.value.resolve(event, {"hookline": decision})
        except KeyError:
            value = "absent"
        values[f"v{number}"] = value
    return {"id": event["id"], "decision": decision, "values": values}


def cases(site: Installation, name: str, count: int, first: int = 0) -> Iterator[dict[str, Any]]:
    """The corpus of a host and edits of it, as events on the bus."""
    endpoint = site.plan.endpoints[name]
    for number, data in enumerate(itertools.chain(events(name), mutated(name, SEED + first, count))):
        if isinstance(data, dict):
            yield cloud_event(endpoint.event_source, endpoint.name, data, f"{name}-{first}-{number}", TIME)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    running = Recorder()
    yield running
    running.stop()


def recorded(recorder: Recorder, sensor: SensorPlan, dependency: Dependency, event: Mapping[str, Any]) -> Any:
    """What the recorder got from one Sensor's trigger for an event."""
    found = recorder.received.get((f"{sensor.name}/{dependency.name}", event["id"]), [])
    if len(found) != 1:
        return f"{len(found)} times"
    return {**found[0], "decision": json.loads(found[0]["decision"])}


def start_recording(
    site: Installation, recorder: Recorder, change: str = "", *, listed: bool = False
) -> None:
    """Apply recording Sensors, with a change of every program."""
    declare(site, listed=listed)
    rendered = objects(site.plan)
    sensors = [recording(each, recorder.url) for each in rendered if each["kind"] == "Sensor"]
    for sensor in sensors:
        for dependency in sensor["spec"]["dependencies"]:
            dependency["transform"]["jq"] += change
    site.apply_objects([each for each in rendered if each["kind"] not in {"Sensor", "EventSource"}] + sensors)
    site.start()


def opened(value: Any) -> Any:
    """A value, with JSON texts in it read: the engines write the keys of an order in orders of their own."""
    match value:
        case dict():
            return {name: opened(each) for name, each in value.items()}
        case list():
            return [opened(each) for each in value]
        case str() if value.startswith("{"):
            try:
                return opened(json.loads(value))
            except ValueError:
                return value
        case _:
            return value


def reasons(decision: Mapping[str, Any]) -> Iterator[str]:
    """Of each pipeline that a decision is about."""
    for each in decision.get("decided") or [decision]:
        yield each["reason"]


def test_the_sensor_decides_as_the_offline_run_does(site: Installation, recorder: Recorder) -> None:
    start_recording(site, recorder)
    total, reached = compared(site, recorder, EDITED)
    assert total >= 30_000
    assert reached["MATCH"] > 500, "most edits must not only be refused"
    assert len(reached) >= 10


def test_the_sensor_decides_lists_as_the_offline_run_does(site: Installation, recorder: Recorder) -> None:
    start_recording(site, recorder, listed=True)
    assert all(each.fans_out for sensor in site.plan.sensors for each in sensor.dependencies)
    total, reached = compared(site, recorder, LISTED, first=2)
    assert total >= 15_000
    assert reached["MATCH"] > 2_000
    assert reached["one"] > 100
    assert reached["several"] > 500
    assert len(reached) >= 12


def compared(site: Installation, recorder: Recorder, edited: int, first: int = 0) -> tuple[int, Counter[str]]:
    """Decide corpus and edits by both engines; how many decisions, and how many pipelines came to each reason: those that differ fail the test."""
    carried = [(sensor, each) for sensor in site.plan.sensors for each in sensor.dependencies]
    differences: list[str] = []
    reached: Counter[str] = Counter()
    total, seconds = 0, 0.0
    for name in host_names():
        batch = list(cases(site, name, edited, first))
        mine = [(sensor, each) for sensor, each in carried if each.event_name == name]
        assert mine
        started = time.monotonic()
        site.bus.publish(batch)
        site.bus.until_settled(site.consumers, 300)
        seconds += time.monotonic() - started
        for event in batch:
            for sensor, dependency in mine:
                total += 1
                offline = expected(dependency, event)
                online = recorded(recorder, sensor, dependency, event)
                decision = offline["decision"]
                reached.update(reasons(decision))
                if dependency.fans_out and decision["action"] == "run":
                    reached["several" if decision["name"].startswith("fan-out-") else "one"] += 1
                if opened(online) != opened(offline):
                    differences.append(f"{event['id']}: {offline} but the Sensor: {online}")
        recorder.received.clear()
    print(
        f"{total} decisions, {len(differences)} differences, {total / seconds:.0f} a second; {dict(reached)}"
    )
    assert not differences, differences[:3]
    return total, reached


def test_a_sample_becomes_the_simulated_workflows(site: Installation) -> None:
    declare(site)
    site.apply_objects([each for each in objects(site.plan) if each["kind"] != "EventSource"])
    site.start()
    simulated: dict[str, Any] = {}
    for name in host_names():
        chosen: list[tuple[dict[str, Any], bool]] = []
        for event in cases(site, name, 400, first=1):
            found = site.simulated(BusEvent(event["source"], event["subject"], event["data"], event))
            created = [each.fan_out or each.workflow for each in found.results if each.workflow]
            workflows = {each["metadata"]["name"]: each for each in created if each}
            running = sum(1 for _, ran in chosen if ran)
            if (
                simulated.keys() & workflows.keys()
                or (running if workflows else len(chosen) - running) >= SAMPLE // 2
            ):
                continue
            simulated |= workflows
            chosen.append((event, bool(workflows)))
        assert chosen
        site.bus.publish([event for event, _ in chosen])
    made = {each["metadata"]["name"]: masked(each) for each in site.until_workflows(len(simulated))}
    assert opened(made) == {name: opened(masked(workflow)) for name, workflow in simulated.items()}


def test_a_sensor_that_decides_otherwise_is_seen(site: Installation, recorder: Recorder) -> None:
    start_recording(site, recorder, change=' | .hookline.reason |= (if . == "MATCH" then "TAG" else . end)')
    batch = list(cases(site, "gitlab", 100))
    site.bus.publish(batch)
    site.bus.until_settled(site.consumers)
    wrong = [
        expected(dependency, event)["decision"]["reason"]
        for sensor in site.plan.sensors
        for dependency in sensor.dependencies
        for event in batch
        if dependency.event_name == "gitlab"
        and recorded(recorder, sensor, dependency, event) != expected(dependency, event)
    ]
    assert wrong
    assert set(wrong) == {"MATCH"}
