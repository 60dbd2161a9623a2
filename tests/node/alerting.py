"""A real Prometheus on the node that scrapes the event path as the PodMonitor says, and evaluates the rules that hookline writes.

Debian builds its Prometheus without the discovery of Kubernetes. `_Discovery` finds the same targets with the same labels, and hands
them over in a file.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3
import yaml
from cluster.api import Json
from cluster.processes import Process
from node.installation import NAMESPACE, Hookline
from node.kubernetes import Kubernetes
from node.places import ADDRESS, FOLDER

from events.event_pods import monitor

__all__ = ["Alerting"]

PORT = 9091


def pod_job(pod_monitor: Mapping[str, Any], discovered: Path) -> Mapping[str, Any]:
    """What the Prometheus Operator writes for a PodMonitor with one endpoint (prometheus-operator 0.85, pkg/prometheus/promcfg.go)."""
    metadata, spec = pod_monitor["metadata"], pod_monitor["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    chosen = [
        {
            "action": "keep",
            "source_labels": [f"__meta_kubernetes_pod_label_{each['key']}"],
            "regex": "|".join(each["values"]),
        }
        for each in spec["selector"]["matchExpressions"]
    ]
    labels = {
        "namespace": "__meta_kubernetes_namespace",
        "container": "__meta_kubernetes_pod_container_name",
        "pod": "__meta_kubernetes_pod_name",
    }
    return {
        "job_name": f"podMonitor/{metadata['namespace']}/{metadata['name']}/0",
        "scrape_interval": endpoint["interval"],
        "relabel_configs": [
            {
                "action": "drop",
                "source_labels": ["__meta_kubernetes_pod_phase"],
                "regex": "(Failed|Succeeded)",
            },
            *chosen,
            {
                "action": "keep",
                "source_labels": ["__meta_kubernetes_pod_container_port_name"],
                "regex": endpoint["port"],
            },
            *({"source_labels": [source], "target_label": target} for target, source in labels.items()),
        ],
        "file_sd_configs": [{"files": [str(discovered)], "refresh_interval": "1s"}],
    }


def discovered_targets(pod: Json) -> Iterator[Mapping[str, Any]]:
    """The targets of a pod with the labels of Prometheus' discovery that rules above ask for (prometheus 2.42, discovery/kubernetes/pod.go)."""
    metadata, status = pod["metadata"], pod.get("status", {})
    if "podIP" not in status:
        return
    labels = {
        "__meta_kubernetes_namespace": metadata["namespace"],
        "__meta_kubernetes_pod_name": metadata["name"],
        "__meta_kubernetes_pod_phase": status["phase"],
        **{
            "__meta_kubernetes_pod_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", name): value
            for name, value in metadata.get("labels", {}).items()
        },
    }
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            yield {
                "targets": [f"{status['podIP']}:{port['containerPort']}"],
                "labels": labels
                | {
                    "__meta_kubernetes_pod_container_name": container["name"],
                    "__meta_kubernetes_pod_container_port_name": port.get("name", ""),
                },
            }


class _Discovery:
    """Writes the targets of a namespace's pods into a file, as often as they may change."""

    def __init__(self, cluster: Kubernetes, namespace: str, file: Path) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._file = file
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self._write()
        self._thread.start()

    def _write(self) -> None:
        pods = self._cluster.api.list("v1", "Pod", self._namespace)
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps([target for pod in pods for target in discovered_targets(pod)]))
        beside.rename(self._file)

    def _go_on(self) -> None:
        while not self._ended.wait(1):
            self._write()

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()


class Alerting:
    """Running, on the node's address."""

    def __init__(self, hookline: Hookline) -> None:
        folder = FOLDER / "alerting"
        hookline.shell(f"hookline dashboards -o {folder}")
        job = pod_job(monitor(NAMESPACE, {}), folder / "targets.json")
        settings = {"rule_files": [str(folder / "prometheus/rules.yaml")], "scrape_configs": [job]}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        self._discovery = _Discovery(hookline.cluster, NAMESPACE, folder / "targets.json")
        self._url = f"http://{ADDRESS}:{PORT}"
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        self._process = Process(
            "prometheus",
            [
                "prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={ADDRESS}:{PORT}",
            ],
            folder / "log",
        )  # fmt: skip
        self._process.until(self._ready, "Prometheus is ready")

    def _ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self._url}/-/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def scraped(self) -> set[str]:
        """Pods whose newest scrape was answered."""
        return {each["pod"] for each in self._ask("up == 1")}

    def firing(self) -> set[str]:
        """Names of alerts about the event path."""
        return {
            each["alertname"] for each in self._ask(f'ALERTS{{alertstate="firing",namespace="{NAMESPACE}"}}')
        }

    def fires(self, alert: str) -> bool:
        """Whether this one does."""
        return alert in self.firing()

    def _ask(self, query: str) -> list[Mapping[str, str]]:
        answer = self._http.request("GET", f"{self._url}/api/v1/query", fields={"query": query})
        return [each["metric"] for each in json.loads(answer.data)["data"]["result"]]

    def stop(self) -> None:
        """End it."""
        self._process.stop()
        self._discovery.stop()
