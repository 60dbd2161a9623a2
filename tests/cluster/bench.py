"""What Sensors of many pipelines cost on the real engines, beside the usual hand-written ones: `make bench-cluster`.

One run measures both ways one after the other, each in a namespace of its own: CPU and memory of the Sensors, decisions a
second and webhook-to-Workflow latency. Loads are bounded; everything ends with the namespaces. `bench.py TITLE ...` measures the rows of
which the title holds one of these words.
"""

import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.control_plane import ControlPlane
from cluster.deliveries import signed
from cluster.fan_out_pod import FanOutPod
from cluster.fleet import (
    HOOKLINE_IMAGE,
    base_image,
    base_image_event,
    fleet,
    monorepo,
    monorepo_event,
    push_body,
    push_event,
)
from cluster.installation import API, Installation
from cluster.waiting import until

from events.environment import fits
from hookline.plan.objects import objects
from hookline.plan.planning import Plan

EVENTS = 300
"""Published to measure CPU; none of them starts a run, so that only deciding counts."""
RUNS = 100
"""Delivered one after the other to measure latency."""
STARTING = 10
"""Published to measure the CPU of events that start a fan-out; no pod works these off."""
FAN_OUT = f"image: '{HOOKLINE_IMAGE}', fan_out: {{every: 0s}}, "
"""Keys of the cluster: fan-outs without a pace."""


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
    events: int = EVENTS
    starting: Callable[[Installation, int], dict[str, Any]] | None = None
    """An event that starts every pipeline."""
    fans_out: bool = False
    """Whether fan-outs start them."""


def topic_push(site: Installation, number: int) -> dict[str, Any]:
    """A push to a branch that nobody builds, of a repository that has pipelines."""
    event = push_event(site, number % len(site.plan.workloads), commit=number)
    event["data"]["body"]["ref"] = "refs/heads/topic"
    return event


def other_image(site: Installation, number: int) -> dict[str, Any]:
    """A tag of the image that nobody waits for."""
    return base_image_event(site, number, tag="nightly")


def other_file(site: Installation, number: int) -> dict[str, Any]:
    """A push to the monorepo that changes a file of no part."""
    return monorepo_event(site, number, "README.md")


def shared_file(site: Installation, number: int) -> dict[str, Any]:
    """A push to the monorepo that changes a file of every part."""
    return monorepo_event(site, number, "go.mod")


def measure(plane: ControlPlane, case: Case, namespace: str) -> tuple[float, list[str]]:
    """Print one row; CPU of one event in milliseconds, and the row of one event that starts every pipeline."""
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
        events = [case.event(site, number) for number in range(case.events)]
        before, began = cpu(site), time.monotonic()
        site.bus.publish(events)
        site.bus.until_settled(consumers, 600)
        seconds = time.monotonic() - began
        decided = (cpu(site) - before - idle * seconds) / case.events * 1_000
        figures[:2] = [f"{decided:.1f}", f"{case.events / seconds:.0f}"]
    resident = sum(pod.running.resident_bytes() for pod in site.sensor_pods) / 2**20
    if case.runs:
        times = [each * 1_000 for each in latencies(site, case.runs)]
        figures[2:] = [f"{statistics.median(times):.0f}", f"{statistics.quantiles(times, n=100)[-1]:.0f}"]
    row = [case.title, f"{case.pipelines:,}", str(len(site.sensor_pods)), f"{environment_bytes(site):,}"]
    row += [figures[0], f"{idle * 1_000:.0f}", f"{resident:.0f}", *figures[1:]]
    print(f"| {' | '.join(row)} |", flush=True)
    row_of_all = started_by_one_event(site, case) if case.starting is not None else []
    site.remove()
    return decided, row_of_all


def workflow_count(site: Installation) -> int:
    """Workflows in the API server, without reading them."""
    found = site.api.call("GET", site.api.path(API, "Workflow", site.namespace), query={"limit": "1"})
    return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))


def started_by_one_event(site: Installation, case: Case) -> list[str]:
    """A row of figures of one event that starts every pipeline.

    Pods of fan-outs are begun as soon as their Workflows are there: no node, no image.
    """
    assert case.starting is not None
    known, own = workflow_count(site), ["–"] * 3
    before, begun = cpu(site), time.monotonic()
    site.bus.publish([case.starting(site, 0)])
    if case.fans_out:
        made = sum(each.fans_out for sensor in site.plan.sensors for each in sensor.dependencies)
        until(lambda: workflow_count(site) >= known + made, "every fan-out exists", pause=0.01)
        own = worked_off(site, site.workflows(), known + made + case.pipelines)
    else:
        until(lambda: workflow_count(site) >= known + case.pipelines, "every run exists", 600)
    seconds = time.monotonic() - begun
    site.bus.until_settled(site.consumers, 600)
    used = (cpu(site) - before) * 1_000
    if case.fans_out:
        before = cpu(site)
        site.bus.publish([case.starting(site, number) for number in range(1, STARTING + 1)])
        site.bus.until_settled(site.consumers, 600)
        used = (cpu(site) - before) / STARTING * 1_000
    return [case.title, f"{case.pipelines:,}", f"{used:.0f}", f"{seconds:.1f}", *own]


def worked_off(site: Installation, fan_outs: list[dict[str, Any]], total: int) -> list[str]:
    """Run the pods of fan-outs until so many Workflows are there: bytes of the longest order, CPU seconds of all pods, MiB of the largest."""
    order = max(len(each["spec"]["arguments"]["parameters"][0]["value"]) for each in fan_outs)
    resident = used = 0.0
    with tempfile.TemporaryDirectory() as folder:
        pods = [FanOutPod(site, each["metadata"]["name"], Path(folder)) for each in fan_outs]
        while workflow_count(site) < total:
            alive = [each.process for each in pods if each.process.running]
            resident = max([resident, *(each.resident_bytes() / 2**20 for each in alive)])
            used = max(used, sum(each.cpu_seconds() for each in alive))
            if not alive:
                break
            time.sleep(0.02)
        if any(pod.ended() for pod in pods):
            raise RuntimeError([pod.log for pod in pods])
    return [f"{order:,}", f"{used:.1f}", f"{resident:.0f}"]


CASES = (
    *(
        Case("rendered", size, fleet(size, 1 if size <= 300 else 4), topic_push)
        for size in (10, 100, 300, 1_000)
    ),
    *(Case("by hand", size, fleet(size), topic_push, by_hand=True) for size in (10, 100, 300)),
    Case(
        "rendered: 1 image, a fan-out",
        300,
        base_image(300, FAN_OUT),
        other_image,
        runs=0,
        starting=base_image_event,
        fans_out=True,
    ),
    Case(
        "rendered: 1 image, a trigger each",
        300,
        base_image(300),
        other_image,
        runs=0,
        events=30,  # each takes a second
        starting=base_image_event,
    ),
    Case(
        "rendered: 1 repository, path filters, a fan-out",
        50,
        monorepo(50, FAN_OUT, "go.mod"),
        other_file,
        runs=0,
        starting=shared_file,
        fans_out=True,
    ),
    Case(
        "rendered: 1 repository, path filters, a trigger each",
        50,
        monorepo(50, "", "go.mod"),
        other_file,
        runs=0,
        starting=shared_file,
    ),
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
    words = sys.argv[1:]
    chosen = [each for each in CASES if not words or any(word in each.title for word in words)]
    found = {
        (case.title, case.pipelines): measure(plane, case, f"bench-{number}")
        for number, case in enumerate(chosen)
    }
    if not words:
        _compare({key: decided for key, (decided, _) in found.items()})
    plane.stop()
    print("\nOne event that starts every pipeline:\n")
    print(
        "| Sensors | pipelines | CPU ms of the Sensors | seconds until every Workflow is there | bytes of the order | CPU s of the fan-out's pod | its RSS MiB |"
    )
    print("|---|---|---|---|---|---|---|")
    for _, row in found.values():
        if row:
            print(f"| {' | '.join(row)} |")


def _compare(found: dict[tuple[str, int], float]) -> None:
    print(
        f"\nCPU of an event at 300 pipelines : at 10, rendered: {found['rendered', 300] / found['rendered', 10]:.2f}"
    )
    for size in (10, 100, 300):
        ratio = found["by hand", size] / found["rendered", size]
        print(f"CPU of an event by hand : rendered, {size} pipelines: {ratio:.1f}")


if __name__ == "__main__":
    main()
