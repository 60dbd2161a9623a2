"""hookline installed in a fresh namespace of the cluster, as a user would install it, and what then happens there."""

import base64
import copy
import dataclasses
import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from typing import Any

from cluster.api import Api, ApiError, Json
from cluster.bus_client import Bus
from cluster.control_plane import ControlPlane
from cluster.kubelet import Pod
from cluster.waiting import PATIENCE, until

from events.delivery import BusEvent
from hookline.answers.simulation import Simulation, simulate
from hookline.declaration.loading import load_texts
from hookline.declaration.model import Sandbox
from hookline.output import manifest_text
from hookline.plan.objects import objects
from hookline.plan.planning import Plan, make_plan
from hookline.plan.sizes import check_sizes
from triggers.template import Template

__all__ = ["TOKEN", "Installation", "Request", "masked"]

TOKEN = "a-secret-of-the-test"
"""Behind every secret that a declaration names."""

API = "argoproj.io/v1alpha1"
PRUNED = ("Sensor", "EventSource", "CronWorkflow")


@dataclass(frozen=True)
class Request:
    """One HTTP request to an event source."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def raw(self) -> bytes:
        """As a file for hookline simulate -e."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


def masked(workflow: Mapping[str, Any]) -> Json:
    """A Workflow without what only the API server or the moment gives it."""
    found = copy.deepcopy(dict(workflow))
    metadata = found["metadata"]
    for name in ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"):
        metadata.pop(name, None)
    for name in ("event-id", "event-time"):
        metadata["annotations"][f"hookline.dev/{name}"] = "masked"
    # What `create` adds, and what the workflow-controller writes as soon as it has seen the Workflow.
    foreign = ("events.argoproj.io/", "workflows.argoproj.io/")
    for kind in ("labels", "annotations"):
        metadata[kind] = {name: text for name, text in metadata[kind].items() if not name.startswith(foreign)}
    found.pop("status", None)
    return found


def _is_of_argo(manifest: Json) -> bool:
    """Whether Argo runs it. No Prometheus Operator is here, and nobody runs hookline's own pods: test_apply.py and the node test do that."""
    component: str = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
    return component not in {"exporter", "controller", "monitoring", "user-data"}


def _carried(deployment: Json) -> Json:
    """The object that a Deployment of the controller hands to its pod."""
    for variable in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
        if variable["name"] in {"EVENTSOURCE_OBJECT", "SENSOR_OBJECT"}:
            found: Json = json.loads(base64.b64decode(variable["value"]))
            return found
    raise ValueError(f"{deployment['metadata']['name']} carries no object")


def _essence(spec: Json) -> Json:
    """What of a spec shows that it is the latest; Go leaves empty fields away when it writes one again."""
    programs = {each["name"]: each.get("transform", {}).get("jq") for each in spec.get("dependencies", [])}
    conditions = [each["template"]["conditions"] for each in spec.get("triggers", [])]
    received = {kind: sorted(spec.get(kind, {})) for kind in ("github", "webhook", "calendar")}
    return {"programs": programs, "conditions": conditions, "received": received}


@dataclass
class Installation:
    """One namespace with its bus, event sources and Sensors."""

    cluster: ControlPlane
    namespace: str
    plan: Plan = field(init=False)
    _bus: Bus | None = None

    @property
    def api(self) -> Api:
        """The API server, as an administrator."""
        return self.cluster.api

    def declare(self, text: str) -> Plan:
        """Read a declaration; its namespace becomes this one, that of its sandbox another, and those of teams stay."""
        return self.declare_files([("hookline.yaml", text.encode())])

    def declare_files(
        self, files: Sequence[tuple[str, bytes]], templates: Mapping[str, Template] | None = None
    ) -> Plan:
        """The same, of several files, with templates beside the stock ones."""
        declaration = load_texts(files)
        changed: dict[str, Any] = {"namespace": self.namespace}
        if declaration.cluster.sandbox is not None:
            changed["sandbox"] = Sandbox(namespace=self.sandbox)
        placed = declaration.cluster.model_copy(update=changed)
        self.plan = make_plan(dataclasses.replace(declaration, cluster=placed), templates or {})
        check_sizes(self.plan)
        return self.plan

    @property
    def sandbox(self) -> str:
        """Namespace of foreign code, if the declaration has some."""
        return f"{self.namespace}-forks"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Its own namespace, and those in which its Workflows are created."""
        elsewhere = self.plan.namespaces if hasattr(self, "plan") else ()
        return tuple(dict.fromkeys((self.namespace, *elsewhere)))

    def secrets(self) -> list[Json]:
        """What the declaration names, and each with the same token."""
        named: dict[str, dict[str, str]] = {}
        for endpoint in self.plan.endpoints.values():
            if endpoint.secret is not None:
                value = base64.b64encode(TOKEN.encode()).decode()
                named.setdefault(endpoint.secret.name, {})[endpoint.secret.key] = value
        return [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self.namespace},
                "data": data,
            }
            for name, data in named.items()
        ]

    def apply(self, text: str | None = None) -> None:
        """Apply what is rendered, and then remove what no longer is: additions come first."""
        if text is not None:
            self.declare(text)
        for manifest in self.secrets():
            self.api.apply(manifest)
        self.apply_objects([each for each in objects(self.plan) if _is_of_argo(each)])

    def apply_objects(self, objects: Sequence[Json]) -> None:
        """The same, of some objects."""
        for name in self.namespaces:
            self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for manifest in objects:
            self.api.apply(manifest, manifest_text(manifest))  # the very text that render prints
        kept = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in objects}
        for kind in PRUNED:
            for namespace in self.namespaces:
                for found in self.api.list(API, kind, namespace):
                    if (kind, found["metadata"]["name"]) not in kept:
                        self.api.delete(API, kind, found["metadata"]["name"], namespace)
        self._until_deployed(kept)

    def _until_deployed(self, kept: set[tuple[str, str]]) -> None:
        """Wait until the controller has taken every object; what it says against one is an error."""

        def deployed() -> bool:
            specs: dict[str, Any] = {}
            for kind, name in kept:
                if kind not in {"EventBus", "EventSource", "Sensor"}:
                    continue
                found = self.api.get(API, kind, name, self.namespace)
                conditions = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
                refused = [
                    each
                    for each in conditions.values()
                    if each["status"] == "False"
                    and each.get("reason") not in {"EventBusNotReady", "GetEventBusFailed"}
                ]
                if refused:
                    raise AssertionError(f"the controller refuses {kind} {name}: {refused}")
                if conditions.get("Deployed", {}).get("status") != "True":
                    return False
                specs[f"{kind}/{name}"] = _essence(found["spec"])
            carried = {}
            for workload in self.api.list("apps/v1", "Deployment", self.namespace):
                if "deletionTimestamp" not in workload["metadata"]:
                    owner, handed = workload["metadata"]["ownerReferences"][0], _carried(workload)
                    carried[f"{owner['kind']}/{handed['metadata']['name']}"] = _essence(handed["spec"])
            wanted = {owner: spec for owner, spec in specs.items() if not owner.startswith("EventBus/")}
            return carried == wanted

        until(deployed, "the controller has deployed every object")

    def start(self) -> None:
        """Run the pods, and wait until events would be received and decided."""
        self.cluster.kubelet.sync(self.namespace)
        self.until_ready()

    def install(self, text: str) -> None:
        """Declare, apply, start."""
        self.apply(text)
        self.start()

    @property
    def bus(self) -> Bus:
        """A client of the bus."""
        if self._bus is None:
            servers = [pod.address.ip for pod in self.pods("EventBus/default")]
            name = self.plan.declaration.cluster.event_bus.name
            self._bus = until(lambda: self._connected(servers, name), "the bus takes connections")
        return self._bus

    def _connected(self, servers: list[str], name: str) -> Bus | None:
        try:
            return Bus(self.api, self.namespace, servers, name)
        except Exception:  # noqa: BLE001 - not yet: refused, no TLS yet, no leader yet
            return None

    def pods(self, owner: str = "") -> list[Pod]:
        """Its pods, or those of an owner such as Sensor/hookline-1."""
        return self.cluster.kubelet.of(self.namespace, owner)

    @property
    def sensor_pods(self) -> list[Pod]:
        """All Sensors."""
        return [pod for pod in self.pods() if pod.owner.startswith("Sensor/")]

    @property
    def consumers(self) -> int:
        """How many consumers the Sensors have on the bus: one a trigger."""
        return sum(len(sensor.dependencies) for sensor in self.plan.sensors)

    def until_ready(self) -> None:
        """Wait until every event source answers and every trigger fetches."""
        for pod in self.pods():
            if pod.owner.startswith("EventSource/"):
                until(partial(self._receives, pod), f"{pod.owner} is ready")
        if self.sensor_pods:
            self.until_fetching(self.consumers)

    def until_fetching(self, consumers: int) -> None:
        """Wait until that many triggers fetch."""
        until(lambda: self._fetching(consumers), "every trigger of every Sensor fetches")

    def _fetching(self, consumers: int) -> bool:
        for pod in self.sensor_pods:
            pod.running.check()
        try:
            found = self.bus.consumers()
        except Exception:  # noqa: BLE001 - the stream is made by the first client
            return False
        return len(found) == consumers and all(each.num_waiting for each in found)

    def _receives(self, pod: Pod) -> bool:
        spec = self.api.get(API, "EventSource", pod.owner.split("/")[1], self.namespace)["spec"]
        if "calendar" in spec:
            entries = len(spec["calendar"])
            pod.running.check()
            return pod.log.read_text().count("expected next calendar event") >= entries
        pod.running.check()
        for port in spec["service"]["ports"]:
            try:
                with urllib.request.urlopen(
                    f"http://{pod.address.ip}:{port['targetPort']}/health", timeout=10
                ):
                    pass
            except OSError:
                return False
        return True

    def deliver(self, source: str, request: Request) -> tuple[int, str]:
        """Send a request as the host would: status and text of the answer."""
        endpoint = self.plan.endpoints[source]
        pod = self.pods(f"EventSource/{endpoint.event_source}")[0]
        connection = HTTPConnection(pod.address.ip, endpoint.host.receiver.port, timeout=120)
        try:
            connection.request("POST", request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def simulated(self, event: BusEvent) -> Simulation:
        """What hookline says about an event."""
        return simulate(self.plan, event)

    def workflows(self) -> list[Json]:
        """Every Workflow of its namespaces."""
        return [each for namespace in self.namespaces for each in self.api.list(API, "Workflow", namespace)]

    def refuses(self, manifest: Json) -> bool:
        """Whether the API server refuses to create an object; nothing is created (dry run)."""
        try:
            self.api.create(manifest, dry_run=True)
        except ApiError as error:
            return error.status in {403, 422}
        return False

    def until_workflows(self, count: int, seconds: float = PATIENCE) -> list[Json]:
        """Wait for that many Workflows, and until every event was dealt with; more of them are an error."""
        until(lambda: len(self.workflows()) >= count, f"{count} Workflows exist", seconds)
        self.bus.until_settled(self.consumers)
        found = self.workflows()
        if len(found) != count:
            raise AssertionError(
                f"{len(found)} Workflows, not {count}: {sorted(each['metadata']['name'] for each in found)}"
            )
        return found

    def remove(self) -> None:
        """End its processes; its objects stay until the cluster ends."""
        try:
            if self._bus is not None:
                self._bus.close()
        finally:
            self.cluster.kubelet.clear(self.namespace)
        for kind in ("Sensor", "EventSource", "EventBus"):
            self.api.delete_all(API, kind, self.namespace)
        for namespace in self.namespaces:
            for kind in ("CronWorkflow", "Workflow"):
                self.api.delete_all(API, kind, namespace)
