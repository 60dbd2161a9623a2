"""A cluster on loopback with a bus: an API server that keeps objects, and a NATS server that holds a stream."""

import base64
import datetime
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from fake_nats import PASSWORD, FakeNats
from objects_server import ObjectsServer
from support import DECLARATION, github_push, plan

from events.event_files import bus_message
from hookline.answers.simulation import simulate
from hookline.cli import main
from hookline.plan.objects import sensor_object
from hookline.plan.planning import Plan

__all__ = ["API", "NOW", "BusCluster", "apply", "declared", "made", "pushed", "put"]

API = "/apis/argoproj.io/v1alpha1/namespaces/ci"
NOW = datetime.datetime(2026, 11, 27, 7, 0, tzinfo=datetime.UTC)


def pushed(number: int, time: datetime.datetime = NOW, **changes: Any) -> dict[str, Any]:
    """A push to acme/shop as it stands on the bus; each number is another commit and another delivery."""
    sha = f"{number:040x}"
    body = github_push(**{"after": sha, "head_commit__id": sha, **changes})
    data = {
        "headers": {"X-Github-Event": ["push"], "X-Github-Delivery": [f"delivery-{number}"]},
        "body": body,
    }
    return {
        "specversion": "1.0",
        "id": f"event-{number}",
        "source": "hookline-webhooks",
        "subject": "github",
        "type": "github",
        "time": time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        # As the event sources write it.
        "data_base64": base64.b64encode(json.dumps(data).encode()).decode(),
    }


class BusCluster:
    """Namespace ci with an EventBus that has an address, and a declaration of one pipeline, shop."""

    def __init__(self, folder: Path, text: str = DECLARATION) -> None:
        self.api = ObjectsServer()
        self.nats = FakeNats()
        self.nats.now = NOW
        self.folder = folder
        self.file = folder / "hookline.yaml"
        self.file.write_text(text, "utf-8")
        self.kubeconfig = self.api.kubeconfig(folder)
        self.put_bus(
            {
                "jetstream": {
                    "url": "nats://eventbus-default-js-svc.ci.svc:4222",
                    "accessSecret": {"name": "access", "key": "client-auth"},
                }
            }
        )
        self.put_secret(f"username: client\npassword: {PASSWORD}")

    def put_bus(self, config: Mapping[str, Any]) -> None:
        """The EventBus, with what its controller wrote."""
        self.api.put(
            f"{API}/eventbus/default",
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "EventBus",
                "metadata": {"name": "default", "namespace": "ci"},
                "status": {"config": dict(config)},
            },
        )

    def put_secret(self, text: str) -> None:
        """The Secret of its clients."""
        self.api.put(
            "/api/v1/namespaces/ci/secrets/access",
            {
                "kind": "Secret",
                "metadata": {"name": "access"},
                "data": {"client-auth": base64.b64encode(text.encode()).decode()},
            },
        )

    def put_workflow(self, name: str, pipeline: str, event: str, phase: str = "Succeeded") -> None:
        """A run that exists."""
        labels = {
            "hookline.dev/pipeline": pipeline,
            "hookline.dev/event": event,
            "workflows.argoproj.io/phase": phase,
        }
        self.api.put(
            f"{API}/workflows/{name}",
            {"kind": "Workflow", "metadata": {"name": name, "namespace": "ci", "labels": labels}},
        )

    def receive(self, count: int, before: datetime.timedelta = datetime.timedelta(minutes=10)) -> None:
        """Pushes that arrived one second after the other, from so long ago on."""
        for number in range(1, count + 1):
            time = NOW - before + datetime.timedelta(seconds=number)
            self.nats.put(pushed(number, time), time)

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        """A command on the declaration; `answer` is typed at its question."""
        more = ("-f", str(self.file), "--kubeconfig", str(self.kubeconfig), "--bus-url", self.nats.url)
        return CliRunner().invoke(main, [*arguments, *more], input=answer)

    def stop(self) -> None:
        """End both servers."""
        self.api.stop()
        self.nats.stop()


def declared(cluster: BusCluster) -> Plan:
    return plan(cluster.file.read_text("utf-8"))


def apply(cluster: BusCluster, ago: datetime.timedelta = datetime.timedelta(hours=5)) -> None:
    """The Sensors of the declaration, applied so long ago, and the template."""
    found = declared(cluster)
    time = (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    for sensor in found.sensors:
        manifest = sensor_object(found, sensor)
        manifest["metadata"] |= {
            "creationTimestamp": time,
            "resourceVersion": time,
            "managedFields": [{"manager": "hookline", "time": time, "fieldsV1": {"f:spec": {}}}],
        }
        cluster.api.put(f"{API}/sensors/{sensor.name}", manifest)


def made(cluster: BusCluster, number: int) -> dict[str, Any]:
    """The Workflow that a Sensor makes of a message."""
    found = simulate(declared(cluster), bus_message(cluster.nats.messages[number][2]))
    assert found.results[0].workflow is not None
    return dict(found.results[0].workflow)


def put(cluster: BusCluster, number: int) -> str:
    """A run that a Sensor has created; its name."""
    workflow = made(cluster, number)
    name: str = workflow["metadata"]["name"]
    cluster.api.put(f"{API}/workflows/{name}", workflow)
    return name


Cluster = Callable[..., BusCluster]
