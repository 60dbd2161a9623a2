"""The objects that run the controller: least rights, no root, a read-only file system, tokens by reference."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs.deployments import PodSettings, Volume, deployment, granted, granted_in, network_policy

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_REQUESTS",
    "PORT",
    "SECRETS",
    "Installation",
    "controller_manifests",
    "controller_monitor",
]

NAME = "hookline-controller"
"""Value of app.kubernetes.io/name of the pod, and of what finds it."""
PORT = 9894
SECRETS = "/secrets"
"""Folder of the pod in which each source has one, with the files token or private-key.pem, and ca.crt."""
SETTINGS = "settings.yaml"
DECLARATION = "/declaration"
"""Folder of the pod with the declaration, where a duty needs it."""
DEFAULT_REQUESTS = {"cpu": "50m", "memory": "128Mi"}
DEFAULT_LIMITS = {"memory": "256Mi"}

# The requests of runs/controller/instance.py and superseder.py.
_REPORTING: list[dict[str, Any]] = [
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "patch", "watch"]}
]


@dataclass(frozen=True, slots=True)
class Installation:
    """One controller in a cluster."""

    namespace: str
    """Its own namespace."""
    pod: PodSettings
    watch: tuple[str, ...]
    """Namespaces of the runs."""
    name: str
    """Of the objects."""
    instance: str
    """Value of app.kubernetes.io/instance: tells two controllers in one namespace apart."""
    settings: str
    """Content of the settings file."""
    tokens: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Source → Secret and key of its token."""
    private_keys: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Source → Secret and key of the private key of its App."""
    authorities: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Source → Secret and key of the certificates that sign its host's."""
    declaration: Mapping[str, Mapping[str, str]] | None = None
    """`data` and `binaryData` of the declaration's ConfigMap; None = no duty needs the declaration."""
    rights: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    """Namespace → the rights of its duties there, beside those of the reports."""
    cluster_rights: Sequence[dict[str, Any]] = ()
    """Rights in the whole cluster."""
    network_policy: bool = True
    clients: tuple[str, ...] = ()
    """Namespaces whose pods may reach the port; none = everybody."""

    @property
    def selector(self) -> dict[str, str]:
        """Labels by which the pod is found. No version: a Deployment keeps its selector for ever."""
        return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": self.instance}


def controller_manifests(made: Installation) -> list[dict[str, Any]]:
    """Account, rights, settings, Deployment and NetworkPolicy, in the order in which kubectl should apply them."""
    return [{**each, "metadata": {**each["metadata"], "labels": made.selector}} for each in _objects(made)]


def _objects(made: Installation) -> Iterator[dict[str, Any]]:
    place = {"name": made.name, "namespace": made.namespace}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place}
    if made.cluster_rights:
        name = f"{made.name}-{made.namespace}"
        yield from granted("ClusterRole", name, "", list(made.cluster_rights), made.name, made.namespace)
    yield from granted_in(made.watch, _REPORTING, made.name, made.namespace, made.name, made.rights)
    settings = {"name": f"{made.name}-settings", "namespace": made.namespace}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": settings, "data": {SETTINGS: made.settings}}
    volumes = [
        Volume("settings", "/settings", {"configMap": {"name": settings["name"]}}),
        Volume("secrets", SECRETS, {"projected": {"sources": list(_secrets(made))}}),
    ]
    content = made.settings.encode()
    if made.declaration is not None:
        declaration = {"name": f"{made.name}-declaration", "namespace": made.namespace}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": declaration, **made.declaration}
        volumes.append(Volume("declaration", DECLARATION, {"configMap": {"name": declaration["name"]}}))
        # The pod plans once, at its start: another declaration is another pod.
        content += json.dumps(made.declaration, sort_keys=True).encode()
    yield deployment(
        made.name,
        made.namespace,
        made.selector,
        [
            "controller",
            *(f"--namespace={each}" for each in made.watch),
            f"--config=/settings/{SETTINGS}",
            *([f"--declaration={DECLARATION}"] if made.declaration is not None else []),
            f"--listen=0.0.0.0:{PORT}",
            f"--lease={made.namespace}/{made.name}",
        ],
        made.pod,
        port=PORT,
        volumes=volumes,
        annotations={"checksum/config": hashlib.sha256(content).hexdigest()},
    )
    if made.network_policy:
        yield network_policy(made.name, made.namespace, made.selector, PORT, made.clients)


def controller_monitor(
    made: Installation, namespace: str, labels: Mapping[str, str], interval_seconds: int
) -> dict[str, Any]:
    """The PodMonitor by which a Prometheus Operator has the controller scraped.

    Args:
        made: The controller.
        namespace: Of the object; empty: that of the controller.
        labels: By which a Prometheus chooses its monitors.
        interval_seconds: Between two scrapes.
    """
    elsewhere = namespace not in {"", made.namespace}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {
            "name": made.name,
            "namespace": namespace or made.namespace,
            "labels": {**made.selector, **labels},
            # By which Alibaba Cloud's managed Prometheus finds it (aliyun/terraform-provider-alicloud, arms_env_pod_monitor).
            "annotations": {"arms.prometheus.io/discovery": "true"},
        },
        "spec": {
            **({"namespaceSelector": {"matchNames": [made.namespace]}} if elsewhere else {}),
            "selector": {"matchLabels": made.selector},
            "podMetricsEndpoints": [{"port": "http", "interval": f"{interval_seconds}s"}],
        },
    }


def _secrets(made: Installation) -> Iterator[dict[str, Any]]:
    """One key of each Secret, and no other."""
    for file, references in (
        ("token", made.tokens),
        ("private-key.pem", made.private_keys),
        ("ca.crt", made.authorities),
    ):
        for source, (name, key) in sorted(references.items()):
            yield {"secret": {"name": name, "items": [{"key": key, "path": f"{source}/{file}"}]}}
