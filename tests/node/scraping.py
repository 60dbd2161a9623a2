"""A real Prometheus on the node, which scrapes what ServiceMonitors choose: with the configuration that the Prometheus Operator writes of them.

The operator itself is a Deployment that writes one file. `scrape_job` writes it here, by pkg/prometheus/promcfg.go of
prometheus-operator 0.85: discovery of endpoints, kept by the labels of their Service, and the labels of a target.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import urllib3
import yaml
from cluster.api import Json
from cluster.processes import Process
from cluster.waiting import until
from definitions import PROMETHEUS_OPERATOR, stored
from node.alerting import pod_job
from node.installation import NAMESPACE
from node.kubernetes import Kubernetes
from node.places import ADDRESS, FOLDER

from events.event_pods import monitor

__all__ = ["MONITORING", "Prometheus", "definitions_of_the_operator", "scrape_job"]

MONITORING = "monitoring.coreos.com"
INTERVAL = "2s"
"""Between two scrapes, in place of the half minute of the ServiceMonitor: the test waits for them."""
ACCOUNT = {"name": "prometheus", "namespace": "monitoring"}
PORT = 9090


def definitions_of_the_operator() -> list[Mapping[str, Any]]:
    """The kinds that a cluster with the operator knows; of a ServiceMonitor with the rules of the operator's release."""
    plurals = {
        "ServiceMonitor": "servicemonitors",
        "PodMonitor": "podmonitors",
        "PrometheusRule": "prometheusrules",
    }
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    rules = stored("prometheus-operator", PROMETHEUS_OPERATOR)
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{MONITORING}"},
            "spec": {
                "group": MONITORING,
                "scope": "Namespaced",
                "names": {
                    "kind": kind,
                    "plural": plural,
                    "singular": kind.lower(),
                    "listKind": f"{kind}List",
                },
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "required": ["spec"],
                                "properties": {"spec": rules.get(kind, anything)},
                            }
                        },
                    }
                ],
            },
        }
        for kind, plural in plurals.items()
    ]


def _meta(label: str) -> str:
    """As discovery writes the name of a label."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)


def scrape_job(service_monitor: Json) -> Json:
    """What the operator writes for a ServiceMonitor with one endpoint."""
    metadata, spec = service_monitor["metadata"], service_monitor["spec"]
    (endpoint,) = spec["endpoints"]
    namespaces = spec.get("namespaceSelector", {}).get("matchNames", [metadata["namespace"]])
    chosen = [
        {
            "action": "keep",
            "source_labels": [
                f"__meta_kubernetes_service_label_{_meta(name)}",
                f"__meta_kubernetes_service_labelpresent_{_meta(name)}",
            ],
            "regex": f"({value});true",
        }
        for name, value in spec["selector"]["matchLabels"].items()
    ]
    labels = {
        "namespace": "__meta_kubernetes_namespace",
        "service": "__meta_kubernetes_service_name",
        "pod": "__meta_kubernetes_pod_name",
        "container": "__meta_kubernetes_pod_container_name",
        "job": "__meta_kubernetes_service_name",
    }
    return {
        "job_name": f"serviceMonitor/{metadata['namespace']}/{metadata['name']}/0",
        "honor_labels": endpoint.get("honorLabels", False),
        "scrape_interval": INTERVAL,
        "scrape_timeout": INTERVAL,
        "metrics_path": endpoint.get("path", "/metrics"),
        "scheme": endpoint.get("scheme", "http"),
        "relabel_configs": [
            *chosen,
            {
                "action": "keep",
                "source_labels": ["__meta_kubernetes_endpoint_port_name"],
                "regex": endpoint["port"],
            },
            {
                "action": "drop",
                "source_labels": ["__meta_kubernetes_pod_phase"],
                "regex": "(Failed|Succeeded)",
            },
            *({"source_labels": [source], "target_label": target} for target, source in labels.items()),
            {"target_label": "endpoint", "replacement": endpoint["port"]},
        ],
        "kubernetes_sd_configs": [_discovery("endpoints", namespaces)],
    }


def _discovery(role: str, namespaces: list[str]) -> Json:
    return {
        "role": role,
        "kubeconfig_file": str(FOLDER / "prometheus/kubeconfig"),
        **({"namespaces": {"names": namespaces}} if namespaces else {}),
    }


class Prometheus:
    """Running, on the node's address."""

    def __init__(self, cluster: Kubernetes) -> None:
        self._cluster = cluster
        self._folder = FOLDER / "prometheus"
        self._folder.mkdir()
        self.url = f"http://{ADDRESS}:{PORT}"
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        cluster.apply(_account())
        self._write_account()
        self.scrape()
        self._process = Process(
            "prometheus",
            [
                "prometheus", f"--config.file={self._folder}/prometheus.yaml", f"--storage.tsdb.path={self._folder}/data",
                f"--web.listen-address={ADDRESS}:{PORT}", "--web.enable-lifecycle",
            ],
            self._folder / "log",
        )  # fmt: skip
        self._process.until(self._ready, "Prometheus is ready")

    def _write_account(self) -> None:
        token = self._cluster.api.token(ACCOUNT["namespace"], ACCOUNT["name"])
        kubeconfig = json.loads(self._cluster.kubeconfig.read_text())
        kubeconfig["users"][0]["user"] = {"token": token}
        (self._folder / "kubeconfig").write_text(json.dumps(kubeconfig))

    def scrape(self) -> None:
        """Write the configuration for the ServiceMonitors that the cluster has now."""
        monitors = json.loads(
            self._cluster.run("kubectl", "get", f"servicemonitors.{MONITORING}", "-A", "-o", "json")
        )
        event_pods = pod_job(monitor(NAMESPACE, {}), str(self._folder / "kubeconfig"))
        jobs = [*map(scrape_job, monitors["items"]), {**event_pods, "scrape_interval": INTERVAL}]
        (self._folder / "prometheus.yaml").write_text(yaml.safe_dump({"scrape_configs": jobs}))

    def _ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self.url}/-/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _ask(self, path: str, **parameters: str) -> Any:
        answer = self._http.request("GET", f"{self.url}/api/v1/{path}", fields=parameters)
        found = answer.json()
        if found["status"] != "success":
            raise AssertionError(f"{parameters}: {found['error']}")
        return found["data"]

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series now; those that are no number are left out."""
        found = [
            (each["metric"], float(each["value"][1])) for each in self._ask("query", query=query)["result"]
        ]
        return [each for each in found if not math.isnan(each[1])]

    def scraped(self, job: str) -> list[Json]:
        """The targets that were scraped well, by the label job."""
        found = self._ask("targets", state="active")["activeTargets"]
        return [each for each in found if each["labels"].get("job") == job and each["health"] == "up"]

    def until(self, query: str, value: object, seconds: float = 120) -> None:
        """Wait until the one series of a query has this value."""

        def same() -> bool:
            found[:] = self.ask(query)
            return len(found) == 1 and found[0][1] == value

        found: list[tuple[dict[str, str], float]] = []
        try:
            until(same, f"{query} is {value}", seconds, 0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; it has {found}") from error

    def stop(self) -> None:
        """End it."""
        self._process.stop()


def _account() -> list[Mapping[str, Any]]:
    """A Prometheus that may discover pods and endpoints, as the operator's documentation has it."""
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": ACCOUNT["name"]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ACCOUNT["namespace"]}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": ACCOUNT},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": ACCOUNT["name"]},
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["services", "endpoints", "pods"],
                    "verbs": ["get", "list", "watch"],
                }
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT["name"]},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **ACCOUNT}],
        },
    ]
