"""A cluster on loopback in which every hop of an event is well, and ways to break its bus."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from objects_server import ObjectsServer, ready

from bus.names import consumer
from hookline.cli import main
from hookline.declaration.loading import load
from hookline.plan.planning import Plan, make_plan
from hookline.version import VERSION
from triggers.publishing import published

__all__ = [
    "DECLARATION",
    "NAMESPACED",
    "PODS",
    "TEMPLATE",
    "Json",
    "Site",
    "details",
    "lose_a_state",
    "lose_the_leader",
    "lose_the_stream",
    "split_the_group",
]

Json = dict[str, Any]
DECLARATION = """\
version: 1
cluster: {namespace: ci}
sources:
  github: {host: github, endpoint: /github, secret: {name: webhook, key: secret}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
  shop:
    repository: {source: github, name: acme/shop, url: 'https://github.com/acme/shop.git'}
    image: registry.example.com/acme/shop
    events: {push: {}, schedule: [{at: '0 2 * * *', except: [2026-12-31]}, {name: noon, at: '0 12 * * *'}]}
"""
RECORDED = Path(__file__).parent / "data" / "bus"
PODS = [f"eventbus-default-js-{number}" for number in range(3)]
NAMESPACED = "/api/v1/namespaces/ci"
TEMPLATE = "/apis/argoproj.io/v1alpha1/clusterworkflowtemplates/hookline-ci-go"


def report(plan: Plan, number: int) -> Json:
    """What a real server of three said, with the subscriptions of this plan in place of the recorded one."""
    found: Json = json.loads((RECORDED / f"three-{number}.json").read_text())
    stream, state = found["account_details"][0]["stream_detail"]
    taken = next(each for each in stream["consumer_detail"] if each["name"] == "group-2")
    stream["consumer_detail"] = [
        {
            **taken,
            "name": consumer(sensor.name, trigger, dependency.name),
            "cluster": {**taken["cluster"], "leader": PODS[0]},
            "num_pending": 0,
            "num_ack_pending": 0,
            "num_waiting": 1,
        }
        for sensor in plan.sensors
        for dependency in sensor.dependencies
        for trigger in dependency.triggers
    ]
    stores = [{**state, "name": f"KV_{sensor.name}"} for sensor in plan.sensors]
    found["account_details"][0]["stream_detail"] = [stream, *stores]
    return found


class Site:
    """A cluster in which everything is well, to break."""

    def __init__(self, folder: Path) -> None:
        self.server = ObjectsServer()
        self.server.kinds["monitoring.coreos.com/v1"] = ("ServiceMonitor",)
        self.file = folder / "hookline.yaml"
        self.kubeconfig = str(self.server.kubeconfig(folder))
        self.file.write_text(DECLARATION)
        self.plan = make_plan(load([self.file]), {})
        self.make_well()

    def make_well(self) -> None:
        applied = self.run("apply", "--no-wait")
        assert applied.exit_code == 0, applied.output
        ready(self.server, subscribed=True)
        for number, pod in enumerate(PODS):
            self.put(
                f"{NAMESPACED}/pods/{pod}",
                "Pod",
                labels={"eventbus-name": "default"},
                status={"phase": "Running"},
            )
            self.server.proxied[f"{pod}:8222/proxy/jsz"] = (200, report(self.plan, number))
            self.server.proxied[f"{pod}:8222/proxy/healthz"] = (200, {"status": "ok"})
        self.put(
            f"{NAMESPACED}/secrets/webhook", "Secret", data={"secret": base64.b64encode(b"hunter2").decode()}
        )
        self.server.put(TEMPLATE, published("hookline-ci-go", VERSION))
        self.put(f"{NAMESPACED}/secrets/docker-config", "Secret", data={"config.json": "e30="})
        self.put(
            f"{NAMESPACED}/persistentvolumeclaims/pvc-nas",
            "PersistentVolumeClaim",
            spec={"accessModes": ["ReadWriteMany"], "volumeName": "pv"},
            status={"phase": "Bound"},
        )
        self.put(
            "/api/v1/persistentvolumes/pv",
            "PersistentVolume",
            spec={"nfs": {"server": "x"}, "mountOptions": ["nolock,vers=3"]},
        )
        self.controller("argo-events", "controller-manager", "quay.io/argoproj/argo-events:v1.9.11")
        self.controller("argo", "workflow-controller", "quay.io/argoproj/workflow-controller:v4.1.2")

    def put(self, path: str, kind: str, *, labels: Json | None = None, **content: Any) -> None:
        parts = path.split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
        metadata = {"name": parts[-1], "namespace": namespace, "labels": labels or {}}
        self.server.put(path, {"kind": kind, "metadata": metadata, **content})

    def controller(self, namespace: str, name: str, image: str, **container: Any) -> None:
        containers = [{"name": "controller", "image": image, **container}]
        self.put(
            f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
            "Deployment",
            spec={"template": {"spec": {"containers": containers}}},
        )

    def run(self, command: str, *more: str) -> Result:
        return CliRunner().invoke(main, [command, str(self.file), "--kubeconfig", self.kubeconfig, *more])

    def diagnosis(self) -> Json:
        result = self.run("doctor", "-o", "json")
        assert result.exit_code in (0, 1), result.output
        found: Json = json.loads(result.stdout)
        assert (result.exit_code == 1) is (found["firstBroken"] is not None)
        return found


def lose_the_stream(site: Site) -> None:
    for pod in PODS:
        site.server.proxied[f"{pod}:8222/proxy/jsz"][1]["account_details"][0].pop("stream_detail")


def split_the_group(site: Site) -> None:
    group = site.server.proxied[f"{PODS[1]}:8222/proxy/jsz"][1]["meta_cluster"]
    group["replicas"] = [each for each in group["replicas"] if each["name"] == PODS[0]]
    group["cluster_size"] = 2


def lose_the_leader(site: Site) -> None:
    for pod in PODS:
        site.server.proxied[f"{pod}:8222/proxy/jsz"][1]["meta_cluster"].pop("leader")


def details(site: Site) -> Iterator[Json]:
    for pod in PODS:
        yield site.server.proxied[f"{pod}:8222/proxy/jsz"][1]["account_details"][0]


def lose_a_state(site: Site) -> None:
    for each in details(site):
        each["stream_detail"].pop()
