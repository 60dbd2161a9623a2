"""What Sensors of many pipelines cost on the real engines, beside the usual hand-written ones: `make bench-cluster`.

One run measures both ways one after the other, each in a namespace of its own: CPU and memory of the Sensors, Workflows a
second and webhook-to-Workflow latency. Loads are bounded; everything ends with the namespaces.
"""

import copy
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.control_plane import ControlPlane
from cluster.deliveries import signed
from cluster.fleet import fleet, push_body, push_event
from cluster.installation import Installation

SIZES = (10, 100, 300, 1_000)
EVENTS = 300
"""Published to measure CPU; none of them starts a run, so that only deciding counts."""
RUNS = 20
"""Delivered one after the other to measure latency."""
HAND_WRITTEN_ROOM = 75
"""Pipelines that fit into one hand-written Sensor: 131,072 bytes of environment (shared measurements; checked below)."""


def hand_written(plan_objects: list[Any], pipelines: int) -> list[Any]:
    """One dependency and trigger with native filters per pipeline, as published examples do it."""
    sensor = copy.deepcopy(next(each for each in plan_objects if each["kind"] == "Sensor"))
    trigger = sensor["spec"]["triggers"][0]
    dependencies, triggers = [], []
    for number in range(pipelines):
        name = f"service-{number:04d}"
        filters = [
            {"path": "headers.X-Github-Event.0", "type": "string", "value": ["^push$"]},
            {"path": "body.repository.full_name", "type": "string", "value": [f"^acme/{name}$"]},
            {"path": "body.ref", "type": "string", "value": ["^refs/heads/main$"]},
            {"path": "body.deleted", "type": "bool", "value": ["false"]},
        ]
        event = {"eventSourceName": "hookline-webhooks", "eventName": "github"}
        dependencies.append({"name": name, **event, "filters": {"data": filters}})
        made = copy.deepcopy(trigger)
        resource = made["template"]["k8s"]["source"]["resource"]
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
    sensor["spec"] |= {"dependencies": dependencies, "triggers": triggers}
    return [each for each in plan_objects if each["kind"] != "Sensor"] + [sensor]


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


def measure(plane: ControlPlane, title: str, pipelines: int, *, by_hand: bool) -> dict[str, float]:
    """One row of the table."""
    namespace = f"{'hand' if by_hand else 'table'}-{pipelines}"
    plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    site = Installation(plane, namespace)
    shards = 1 if pipelines <= 300 else 4
    plan = site.declare(fleet(pipelines, shards))
    for manifest in site.secrets():
        plane.api.apply(manifest)
    objects = plan.objects()
    consumers = pipelines if by_hand else site.consumers
    site.apply_objects(hand_written(objects, pipelines) if by_hand else objects)
    plane.kubelet.sync(namespace)
    site.until_fetching(consumers)
    before = cpu(site)
    time.sleep(5)
    idle = (cpu(site) - before) / 5
    others = [push_event(site, number % pipelines, commit=number) for number in range(EVENTS)]
    for event in others:
        event["data"]["body"]["ref"] = "refs/heads/topic"
    before, started = cpu(site), time.monotonic()
    site.bus.publish(others)
    site.bus.until_settled(consumers, 600)
    seconds = time.monotonic() - started
    decided = (cpu(site) - before - idle * seconds) / EVENTS
    times = latencies(site, RUNS)
    row = {
        "pipelines": pipelines,
        "pods": len(site.sensor_pods),
        "environment": environment_bytes(site),
        "cpu_ms": decided * 1_000,
        "idle_ms": idle * 1_000,
        "rss_mib": sum(pod.running.resident_bytes() for pod in site.sensor_pods) / 2**20,
        "events_s": EVENTS / seconds,
        "median_ms": statistics.median(times) * 1_000,
        "p99_ms": max(times) * 1_000,
    }
    print(
        f"| {title} | {pipelines:,} | {row['pods']} | {row['environment']:,} | {row['cpu_ms']:.1f} | {row['idle_ms']:.0f} | "
        f"{row['rss_mib']:.0f} | {row['events_s']:.0f} | {row['median_ms']:.0f} | {row['p99_ms']:.0f} |",
        flush=True,
    )
    site.remove()
    return row


def main() -> None:
    """Print the table."""
    plane = ControlPlane()
    print(
        f"{datetime.now().astimezone():%Y-%m-%d}; {EVENTS} events that start nothing, then {RUNS} that do, a row\n"
    )
    print(
        "| Sensors | pipelines | pods | environment bytes of the largest | CPU ms an event | idle CPU ms a second | RSS MiB | events/s | latency ms, median | largest of 20 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    tables = {size: measure(plane, "rendered", size, by_hand=False) for size in SIZES}
    hands = {size: measure(plane, "by hand", size, by_hand=True) for size in (10, HAND_WRITTEN_ROOM)}
    print(
        f"\nCPU of an event at 300 pipelines : at 10, rendered: {tables[300]['cpu_ms'] / tables[10]['cpu_ms']:.2f}"
    )
    per_pipeline = hands[HAND_WRITTEN_ROOM]["cpu_ms"] / HAND_WRITTEN_ROOM
    print(
        f"CPU of an event by hand, {HAND_WRITTEN_ROOM} pipelines : rendered, 100: {hands[HAND_WRITTEN_ROOM]['cpu_ms'] / tables[100]['cpu_ms']:.1f}"
    )
    print(
        f"By hand for 300 ({300 / HAND_WRITTEN_ROOM:.0f} Sensors of {HAND_WRITTEN_ROOM}, {per_pipeline * 300:.0f} ms an event, worked out) : rendered, 300: {per_pipeline * 300 / tables[300]['cpu_ms']:.1f}"
    )
    plane.stop()


if __name__ == "__main__":
    main()
