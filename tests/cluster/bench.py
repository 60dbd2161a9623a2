"""What Sensors of many pipelines cost on the real engines, beside the usual hand-written ones: `make bench-cluster`.

One run measures both ways one after the other, each in a namespace of its own: CPU and memory of the Sensors, decisions a
second and webhook-to-Workflow latency. Loads are bounded; everything ends with the namespaces.
"""

import copy
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.bus_client import cloud_event
from cluster.control_plane import ControlPlane
from cluster.deliveries import signed
from cluster.fleet import fleet, push_body, push_event
from cluster.installation import Installation
from support import payload

from events.environment import fits
from hookline.plan.objects import objects
from hookline.plan.planning import Plan

EVENTS = 300
"""Published to measure CPU; none of them starts a run, so that only deciding counts."""
RUNS = 100
"""Delivered one after the other to measure latency."""


def hand_written(plan: Plan) -> list[Any]:
    """One dependency and trigger with native filters per pipeline, as published examples do it."""
    plan_objects = objects(plan)
    sensor = copy.deepcopy(next(each for each in plan_objects if each["kind"] == "Sensor"))
    trigger = sensor["spec"]["triggers"][0]
    dependencies, triggers = [], []
    for name, load in plan.workloads.items():
        filters = [
            {"path": "headers.X-Github-Event.0", "type": "string", "value": ["^push$"]},
            {"path": "body.repository.full_name", "type": "string", "value": [f"^acme/{name}$"]},
            {"path": "body.ref", "type": "string", "value": ["^refs/heads/main$"]},
            {"path": "body.deleted", "type": "bool", "value": ["false"]},
        ]
        event = {"eventSourceName": "hookline-webhooks", "eventName": "github"}
        dependencies.append({"name": name, **event, "filters": {"data": filters}})
        made = copy.deepcopy(trigger)
        resource = copy.deepcopy(dict(load.resource))
        resource["metadata"]["generateName"] = f"{name}-"
        resource["metadata"]["labels"]["hookline.dev/pipeline"] = name
        made["template"] |= {"name": name, "conditions": name}
        made["template"]["k8s"] = {
            "operation": "create",
            "source": {"resource": resource},
            "parameters": [
                {
                    "src": {"dependencyName": name, "dataKey": "body.after"},
                    "dest": "metadata.annotations.sha",
                }
            ],
        }
        made.pop("dlqTrigger")
        triggers.append(made)
    others = [each for each in plan_objects if each["kind"] != "Sensor"]
    return others + _packed(sensor, dependencies, triggers)


def _packed(sensor: Any, dependencies: list[Any], triggers: list[Any]) -> list[Any]:
    """As few Sensors as hold them."""
    made: list[Any] = []
    start = 0
    while start < len(triggers):
        taken = 0
        for end in range(start + 1, len(triggers) + 1):
            candidate = copy.deepcopy(sensor)
            candidate["metadata"]["name"] = f"by-hand-{len(made) + 1}"
            candidate["spec"] |= {"dependencies": dependencies[start:end], "triggers": triggers[start:end]}
            if not fits(candidate):
                break
            taken, best = end, candidate
        made.append(best)
        start = taken
    return made


def environment_bytes(site: Installation) -> int:
    """The largest environment string of a Sensor's pod."""
    return max(
        len(variable["name"]) + len(variable.get("value", "")) + 2
        for workload in site.api.list("apps/v1", "Deployment", site.namespace)
        for variable in workload["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] == "SENSOR_OBJECT"
    )


def cpu(site: Installation) -> float:
    return sum(pod.running.cpu_seconds() for pod in site.sensor_pods)


def latencies(site: Installation, runs: int) -> list[float]:
    """Seconds from a delivery to its Workflow, seen by asking."""
    found: list[float] = []
    for number in range(runs):
        body = push_body(0, commit=number + 1)
        started = time.monotonic()
        site.deliver("github", signed("github", "/github", body, {"X-GitHub-Event": "push"}))
        while len(site.workflows()) <= number:
            time.sleep(0.005)
        found.append(time.monotonic() - started)
        time.sleep(0.45)  # below the Sensor's own limit of requests, which is another figure
    return found


@dataclass
class Case:
    """One row of the table."""

    title: str
    pipelines: int
    text: str
    event: Callable[[Installation, int], dict[str, Any]] | None = None
    """An event that is decided and starts nothing."""
    by_hand: bool = False
    runs: int = RUNS


def topic_push(site: Installation, number: int) -> dict[str, Any]:
    """A push to a branch that nobody builds, of a repository that has pipelines."""
    event = push_event(site, number % len(site.plan.workloads), commit=number)
    event["data"]["body"]["ref"] = "refs/heads/topic"
    return event


def other_image(site: Installation, number: int) -> dict[str, Any]:
    """A tag of the image that nobody waits for."""
    body = copy.deepcopy(payload("harbor/push_artifact"))
    body["event_data"]["resources"][0]["tag"] = "nightly"
    endpoint = site.plan.endpoints["harbor"]
    return cloud_event(endpoint.event_source, endpoint.name, {"header": {}, "body": body}, f"event-{number}")


def other_file(site: Installation, number: int) -> dict[str, Any]:
    """A push to the monorepo that changes a file of no part."""
    event = push_event(site, 0, commit=number)
    event["data"]["body"]["commits"][0]["modified"] = ["README.md"]
    return event


def one_image(pipelines: int) -> str:
    """Many pipelines on one base image."""
    return """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}}
sources:
  harbor: {host: harbor, endpoint: /harbor, secret: {name: hooks, key: harbor}}
pipelines:
""" + "".join(
        f"""\
  service-{number:04d}:
    repository: {{name: acme/service-{number:04d}, url: "https://github.com/acme/service-{number:04d}.git"}}
    image: registry.example.com/acme/service-{number:04d}
    events: {{image_push: {{source: harbor, image: base/go, tags: ["1.*"], branch: main}}}}
"""
        for number in range(pipelines)
    )


def monorepo(parts: int) -> str:
    """One repository with a pipeline for each of its parts."""
    return """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}}
sources:
  github: {host: github, endpoint: /github, secret: {name: hooks, key: github}}
pipelines:
""" + "".join(
        f"""\
  part-{number:02d}:
    repository: {{source: github, name: acme/service-0000, url: "https://github.com/acme/service-0000.git"}}
    image: registry.example.com/acme/part-{number:02d}
    events: {{push: {{branches: [main], paths: ["part-{number:02d}/**"]}}}}
"""
        for number in range(parts)
    )


def measure(plane: ControlPlane, case: Case, namespace: str) -> float:
    """Print one row; CPU of one event in milliseconds."""
    plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    site = Installation(plane, namespace)
    plan = site.declare(case.text)
    for manifest in site.secrets():
        plane.api.apply(manifest)
    consumers = case.pipelines if case.by_hand else site.consumers
    site.apply_objects(hand_written(plan) if case.by_hand else objects(plan))
    plane.kubelet.sync(namespace)
    site.until_fetching(consumers)
    before = cpu(site)
    time.sleep(5)
    idle = (cpu(site) - before) / 5
    figures = ["–"] * 4
    decided = 0.0
    if case.event is not None:
        events = [case.event(site, number) for number in range(EVENTS)]
        before, started = cpu(site), time.monotonic()
        site.bus.publish(events)
        site.bus.until_settled(consumers, 600)
        seconds = time.monotonic() - started
        decided = (cpu(site) - before - idle * seconds) / EVENTS * 1_000
        figures[:2] = [f"{decided:.1f}", f"{EVENTS / seconds:.0f}"]
    resident = sum(pod.running.resident_bytes() for pod in site.sensor_pods) / 2**20
    if case.runs:
        times = [each * 1_000 for each in latencies(site, case.runs)]
        figures[2:] = [f"{statistics.median(times):.0f}", f"{statistics.quantiles(times, n=100)[-1]:.0f}"]
    row = [case.title, f"{case.pipelines:,}", str(len(site.sensor_pods)), f"{environment_bytes(site):,}"]
    row += [figures[0], f"{idle * 1_000:.0f}", f"{resident:.0f}", *figures[1:]]
    print(f"| {' | '.join(row)} |", flush=True)
    site.remove()
    return decided


CASES = (
    *(
        Case("rendered", size, fleet(size, 1 if size <= 300 else 4), topic_push)
        for size in (10, 100, 300, 1_000)
    ),
    *(Case("by hand", size, fleet(size), topic_push, by_hand=True) for size in (10, 100, 300)),
    Case("rendered: 1 image", 300, one_image(300), other_image, runs=0),
    Case("rendered: 1 repository, path filters", 50, monorepo(50), other_file, runs=0),
)


def main() -> None:
    """Print the table."""
    plane = ControlPlane()
    print(
        f"{datetime.now().astimezone():%Y-%m-%d}; {EVENTS} events that start nothing, then {RUNS} deliveries, a row\n"
    )
    print(
        "| Sensors | pipelines | Sensor pods | environment bytes, largest | CPU ms an event | idle CPU ms a second | RSS MiB | "
        "events/s | latency ms, median | p99 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    found = {
        (case.title, case.pipelines): measure(plane, case, f"bench-{number}")
        for number, case in enumerate(CASES)
    }
    print(
        f"\nCPU of an event at 300 pipelines : at 10, rendered: {found['rendered', 300] / found['rendered', 10]:.2f}"
    )
    for size in (10, 100, 300):
        ratio = found["by hand", size] / found["rendered", size]
        print(f"CPU of an event by hand : rendered, {size} pipelines: {ratio:.1f}")
    plane.stop()


if __name__ == "__main__":
    main()
