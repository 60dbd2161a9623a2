"""A real Prometheus on the node: with the configuration that the Prometheus Operator writes of the monitors and rules that the cluster has.

The operator itself is a Deployment that writes files. `service_job` and `pod_job` write them here, by pkg/prometheus/promcfg.go of
prometheus-operator 0.85. Debian builds its Prometheus without the discovery of Kubernetes: `_Discovery` finds the same targets with the
same labels (prometheus 2.42, discovery/kubernetes), and hands them over in files.
"""

import json
import math
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3
import yaml
from cluster.api import Json
from cluster.processes import Process
from cluster.waiting import until
from definitions import PROMETHEUS_OPERATOR, stored
from node.installation import NAMESPACE
from node.kubernetes import Kubernetes
from node.places import ADDRESS, FOLDER

__all__ = ["Prometheus", "definitions_of_the_operator"]

GROUP = "monitoring.coreos.com"
PLURALS = {
    "ServiceMonitor": "servicemonitors",
    "PodMonitor": "podmonitors",
    "PrometheusRule": "prometheusrules",
}
META = "__meta_kubernetes_"


def definitions_of_the_operator() -> list[Mapping[str, Any]]:
    """The kinds that a cluster with the operator knows, with the rules of the operator's release as far as tests/data has them."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    rules = stored("prometheus-operator", PROMETHEUS_OPERATOR)
    return [_definition(kind, plural, rules.get(kind, anything)) for kind, plural in PLURALS.items()]


def _definition(kind: str, plural: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": spec}}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def _label(name: str) -> str:
    """As discovery writes the name of a label."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


# --- configuration: what the operator writes ------------------------------------------------------------------------


def service_job(monitor: Json, discovered: Path) -> Json:
    """Of a ServiceMonitor with one endpoint."""
    spec = monitor["spec"]
    (endpoint,) = spec["endpoints"]
    port = {"action": "keep", "source_labels": [f"{META}endpoint_port_name"], "regex": endpoint["port"]}
    rules = [
        *_chosen(spec["selector"], "service"),
        port,
        *_target_labels(service="service_name", job="service_name"),
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]
    return _job(monitor, endpoint, rules, discovered)


def pod_job(monitor: Json, discovered: Path) -> Json:
    """Of a PodMonitor with one endpoint."""
    spec = monitor["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    port = {"action": "keep", "source_labels": [f"{META}pod_container_port_name"], "regex": endpoint["port"]}
    rules = [*_chosen(spec["selector"], "pod"), port, *_target_labels()]
    return _job(monitor, endpoint, rules, discovered)


def _chosen(selector: Json, what: str) -> Iterator[Json]:
    """Rules that keep what the selector of a monitor chooses: services or pods."""
    for name, value in selector.get("matchLabels", {}).items():
        labels = [f"{META}{what}_label_{_label(name)}", f"{META}{what}_labelpresent_{_label(name)}"]
        yield {"action": "keep", "source_labels": labels, "regex": f"({value});true"}
    for each in selector.get("matchExpressions", ()):
        labels = [f"{META}{what}_label_{_label(each['key'])}"]
        yield {"action": "keep", "source_labels": labels, "regex": "|".join(each["values"])}


def _target_labels(**more: str) -> Iterator[Json]:
    """Rules that give a target its labels: label → what discovery calls it."""
    names = {"namespace": "namespace", "pod": "pod_name", "container": "pod_container_name"}
    for target, source in (names | more).items():
        yield {"source_labels": [f"{META}{source}"], "target_label": target}


def _job(monitor: Json, endpoint: Json, rules: list[Json], discovered: Path) -> Json:
    metadata = monitor["metadata"]
    namespaces = monitor["spec"].get("namespaceSelector", {}).get("matchNames", [metadata["namespace"]])
    ended = {"action": "drop", "source_labels": [f"{META}pod_phase"], "regex": "(Failed|Succeeded)"}
    # The operator gives these names to the discovery, which asks for nothing else.
    within = {"action": "keep", "source_labels": [f"{META}namespace"], "regex": "|".join(namespaces)}
    kind = monitor["kind"][:1].lower() + monitor["kind"][1:]
    return {
        "job_name": f"{kind}/{metadata['namespace']}/{metadata['name']}/0",
        "honor_labels": endpoint.get("honorLabels", False),
        "scrape_interval": endpoint["interval"],
        # Without one Prometheus takes its own, or the interval if that is shorter.
        **({"scrape_timeout": endpoint["scrapeTimeout"]} if "scrapeTimeout" in endpoint else {}),
        "metrics_path": endpoint.get("path", "/metrics"),
        "scheme": endpoint.get("scheme", "http"),
        "relabel_configs": [within, ended, *rules],
        "file_sd_configs": [{"files": [str(discovered)], "refresh_interval": "1s"}],
    }


# --- discovery ------------------------------------------------------------------------------------------------------


def _pod_labels(pod: Json) -> Iterator[tuple[str, str]]:
    yield "namespace", pod["metadata"]["namespace"]
    yield "pod_name", pod["metadata"]["name"]
    yield "pod_phase", pod["status"]["phase"]
    for name, value in pod["metadata"].get("labels", {}).items():
        yield f"pod_label_{_label(name)}", value
        yield f"pod_labelpresent_{_label(name)}", "true"


def _target(address: str, port: int, *labels: tuple[str, str]) -> Json:
    return {"targets": [f"{address}:{port}"], "labels": {f"{META}{name}": value for name, value in labels}}


def targets_of_pods(pods: list[Json]) -> Iterator[Json]:
    """One for each port of each container (discovery/kubernetes/pod.go)."""
    for pod in pods:
        address = pod.get("status", {}).get("podIP")
        for container in pod["spec"]["containers"] if address else ():
            for port in container.get("ports", ()):
                names = [
                    ("pod_container_name", container["name"]),
                    ("pod_container_port_name", port.get("name", "")),
                ]
                yield _target(address, port["containerPort"], *_pod_labels(pod), *names)


def targets_of_services(services: list[Json], pods: list[Json]) -> Iterator[Json]:
    """One for each port of a Service and each ready pod behind it (discovery/kubernetes/endpoints.go)."""
    for service in services:
        selector = service["spec"].get("selector")
        metadata = service["metadata"]
        labels = [("service_name", metadata["name"])]
        for name, value in metadata.get("labels", {}).items():
            labels += [
                (f"service_label_{_label(name)}", value),
                (f"service_labelpresent_{_label(name)}", "true"),
            ]
        for pod in pods if selector else ():
            if not _stands_behind(pod, metadata["namespace"], selector):
                continue
            for port in service["spec"]["ports"]:
                container, number = _container_port(pod, port.get("targetPort", port["port"]))
                names = [("endpoint_port_name", port.get("name", "")), ("pod_container_name", container)]
                yield _target(pod["status"]["podIP"], number, *_pod_labels(pod), *labels, *names)


def _stands_behind(pod: Json, namespace: str, selector: Mapping[str, str]) -> bool:
    ready = any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in pod.get("status", {}).get("conditions", ())
    )
    return (
        ready
        and pod["metadata"]["namespace"] == namespace
        and selector.items() <= pod["metadata"].get("labels", {}).items()
    )


def _container_port(pod: Json, wanted: str | int) -> tuple[str, int]:
    """The container of a port, and its number."""
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            if wanted in {port.get("name"), port["containerPort"]}:
                return container["name"], port["containerPort"]
    return "", int(wanted)


class _Discovery:
    """Writes all targets into two files, as often as they may change."""

    def __init__(self, cluster: Kubernetes, folder: Path) -> None:
        self._cluster = cluster
        self.services, self.pods = folder / "services.json", folder / "pods.json"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self._write()
        self._thread.start()

    def _write(self) -> None:
        pods = self._cluster.api.list("v1", "Pod")
        services = self._cluster.api.list("v1", "Service")
        for file, targets in (
            (self.services, targets_of_services(services, pods)),
            (self.pods, targets_of_pods(pods)),
        ):
            beside = file.with_suffix(".new")
            beside.write_text(json.dumps(list(targets)))
            beside.rename(file)

    def _go_on(self) -> None:
        while not self._ended.wait(1):
            self._write()

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()


# --- the server -----------------------------------------------------------------------------------------------------


class Prometheus:
    """Running, on the node's address, with every monitor and rule that the cluster has."""

    def __init__(self, cluster: Kubernetes, name: str = "prometheus", port: int = 9090) -> None:
        """Start it.

        Args:
            cluster: What it scrapes.
            name: Of its folder.
            port: At which it answers.
        """
        self._cluster = cluster
        folder = FOLDER / name
        folder.mkdir()
        self._url = f"http://{ADDRESS}:{port}"
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        self._discovery = _Discovery(cluster, folder)
        jobs = [
            *(service_job(each, self._discovery.services) for each in self._all("ServiceMonitor")),
            *(pod_job(each, self._discovery.pods) for each in self._all("PodMonitor")),
        ]
        groups = [group for rule in self._all("PrometheusRule") for group in rule["spec"]["groups"]]
        (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
        settings = {"scrape_configs": jobs, "rule_files": [str(folder / "rules.yaml")]}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        self._process = Process(
            "prometheus",
            [
                "prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={ADDRESS}:{port}",
            ],
            folder / "log",
        )  # fmt: skip
        self._process.until(self._ready, "Prometheus is ready")

    def _all(self, kind: str) -> list[Json]:
        found = self._cluster.run("kubectl", "get", f"{PLURALS[kind]}.{GROUP}", "-A", "-o", "json")
        items: list[Json] = json.loads(found)["items"]
        return items

    def _ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self._url}/-/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series now; those that are no number are left out.

        Raises:
            AssertionError: Prometheus does not understand the query.
        """
        answer = self._http.request("GET", f"{self._url}/api/v1/query", fields={"query": query}).json()
        assert answer["status"] == "success", f"{query}: {answer['error']}"
        found = [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]
        return [each for each in found if not math.isnan(each[1])]

    def scraped(self) -> set[str]:
        """Pods whose newest scrape was answered."""
        return {labels["pod"] for labels, _ in self.ask("up == 1")}

    def firing(self) -> set[str]:
        """Names of alerts about the event path."""
        series = self.ask(f'ALERTS{{alertstate="firing",namespace="{NAMESPACE}"}}')
        return {labels["alertname"] for labels, _ in series}

    def fires(self, alert: str) -> bool:
        """Whether this one does."""
        return alert in self.firing()

    def until(self, query: str, value: object, seconds: float = 120) -> None:
        """Wait until the one series of a query has this value."""
        found: list[tuple[dict[str, str], float]] = []

        def same() -> bool:
            found[:] = self.ask(query)
            return len(found) == 1 and found[0][1] == value

        try:
            until(same, f"{query} is {value}", seconds, 0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; it has {found}") from error

    def stop(self) -> None:
        """End it."""
        self._process.stop()
        self._discovery.stop()
