"""The objects that run the exporter: least rights, no root, a read-only file system, a volume for the ledger."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runs.deployments import PodSettings, Volume, deployment, granted, granted_in, network_policy

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_REQUESTS",
    "NAME",
    "PORT",
    "PRICES",
    "SCHEDULES",
    "SETTINGS",
    "Installation",
    "Monitor",
    "WebConfig",
    "exporter_manifests",
]

NAME = "hookline-exporter"
"""Value of app.kubernetes.io/name of the pod, and of what finds it."""
PORT = 9893
SETTINGS, PRICES, SCHEDULES = "settings.yaml", "prices.yaml", "schedules.yaml"
"""Names of the files in the pod: the settings, the price file that they name, and schedules as `hookline render` writes them."""

DEFAULT_REQUESTS = {"cpu": "100m", "memory": "256Mi"}
DEFAULT_LIMITS = {"memory": "512Mi"}
"""101 MiB were measured with 8,000 Workflows and 24,000 pods, 197 where their lists came in pages (docs/performance.md); each of
four readers may then hold a log of 16 MiB as bytes, text and lines."""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The Secret with TLS settings and passwords, and how Prometheus then asks."""

    secret: str
    key: str
    tls: bool = False
    ca: tuple[str, str] | None = None
    """Secret and key of the authority that signed the certificate; None = one that Prometheus knows."""
    credentials: tuple[str, str, str] | None = None
    """Secret, key of the user and key of the password that Prometheus sends."""


SCRAPE_TIMEOUT_SECONDS = 10
"""Longest time of a scrape: Prometheus' own default."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """The object of the Prometheus Operator that has the exporter scraped."""

    kind: Literal["ServiceMonitor", "PodMonitor"] = "ServiceMonitor"
    namespace: str = ""
    """Empty: that of the exporter."""
    interval_seconds: int = 30
    """Between two scrapes."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Further ones, by which a Prometheus chooses its monitors."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One exporter in a cluster: what it watches, and what its pod is given."""

    namespace: str
    """Its own namespace."""
    pod: PodSettings
    watch: tuple[str, ...] = ()
    """Namespaces of the runs; none = every namespace of the cluster."""
    name: str = NAME
    """Of the objects."""
    instance: str = "hookline"
    """Value of app.kubernetes.io/instance: tells two exporters in one namespace apart."""
    host: str = "0.0.0.0"  # noqa: S104 - a scraper is on another machine
    port: int = PORT
    lease: str = NAME
    storage: str = "1Gi"
    storage_class: str | None = None
    """None: the cluster's default."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name → content: SETTINGS, PRICES, SCHEDULES."""
    web: WebConfig | None = None
    monitor: Monitor | None = Monitor()
    network_policy: bool = True
    clients: tuple[str, ...] = ()
    """Namespaces whose pods may reach the port; none = everybody."""

    @property
    def selector(self) -> dict[str, str]:
        """Labels by which the pod is found. No version: a Deployment keeps its selector for ever."""
        return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": self.instance}

    @property
    def settings_name(self) -> str:
        """The ConfigMap with the files."""
        return f"{self.name}-settings"

    @property
    def claim(self) -> str:
        """The claim of the ledger's volume."""
        return self.name


def exporter_manifests(made: Installation) -> list[dict[str, Any]]:
    """Account, rights, volume, settings, Deployment, Service, NetworkPolicy and monitor, in the order in which kubectl should apply them.

    A monitor carries the annotation by which Alibaba Cloud's managed Prometheus finds it
    (aliyun/terraform-provider-alicloud, arms_env_service_monitor).
    """
    return [
        {
            **each,
            "metadata": {**each["metadata"], "labels": made.selector | each["metadata"].get("labels", {})},
        }
        for each in _objects(made)
    ]


def _objects(made: Installation) -> Iterator[dict[str, Any]]:
    yield _object(made, "v1", "ServiceAccount")
    yield from _rights(made)
    storage: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": made.storage}},
    }
    if made.storage_class is not None:
        storage["storageClassName"] = made.storage_class
    yield _object(made, "v1", "PersistentVolumeClaim", spec=storage)
    if made.files:
        yield _object(made, "v1", "ConfigMap", made.settings_name, data=dict(made.files))
    yield _deployment(made)
    yield _object(
        made,
        "v1",
        "Service",
        spec={
            "selector": made.selector,
            "ports": [{"name": "http", "port": made.port, "targetPort": "http"}],
        },
    )
    if made.network_policy:
        yield network_policy(made.name, made.namespace, made.selector, made.port, made.clients)
    if made.monitor is not None:
        yield _monitor(made, made.monitor)


def _object(
    made: Installation, api_version: str, kind: str, name: str = "", **content: Any
) -> dict[str, Any]:
    metadata = {"name": name or made.name, "namespace": made.namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


# Rights: the requests of apiserver/reflector.py, apiserver/pod_logs.py and apiserver/lease.py.

_WATCHING: list[dict[str, Any]] = [
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]


def _rights(made: Installation) -> Iterator[dict[str, Any]]:
    """In each watched namespace what watching needs, and at home the lease; for the whole cluster a ClusterRole, named with the namespace of the pod."""
    if not made.watch:
        yield from granted(
            "ClusterRole", f"{made.name}-{made.namespace}", "", list(_WATCHING), made.name, made.namespace
        )
    yield from granted_in(made.watch, _WATCHING, made.name, made.namespace, made.lease)


def _deployment(made: Installation) -> dict[str, Any]:
    host = f"[{made.host}]" if ":" in made.host else made.host
    arguments = [
        "exporter",
        *(f"--namespace={each}" for each in made.watch),
        "--ledger=/ledger/ledger.db",
        f"--listen={host}:{made.port}",
        f"--lease={made.namespace}/{made.lease}",
    ]
    volumes = [
        Volume("ledger", "/ledger", {"persistentVolumeClaim": {"claimName": made.claim}}, writable=True)
    ]
    if made.files:
        arguments += ["--config=/settings/" + SETTINGS] if SETTINGS in made.files else []
        arguments += ["--schedules=/settings/" + SCHEDULES] if SCHEDULES in made.files else []
        volumes.append(Volume("settings", "/settings", {"configMap": {"name": made.settings_name}}))
    if made.web is not None:
        arguments.append(f"--web.config.file=/web/{made.web.key}")
        # All keys: certificates that the file names beside itself are in the same Secret.
        volumes.append(Volume("web", "/web", {"secret": {"secretName": made.web.secret}}))
    return deployment(
        made.name,
        made.namespace,
        made.selector,
        arguments,
        made.pod,
        port=made.port,
        tls=made.web is not None and made.web.tls,
        volumes=volumes,
        annotations=_marks(made),
    )


def _marks(made: Installation) -> dict[str, str]:
    """A digest of the settings, some of which are read at the start only. Schedules are read again, so a changed one needs no new pod."""
    texts = [f"{name}\0{text}" for name, text in sorted(made.files.items()) if name != SCHEDULES]
    if not texts:
        return {}
    return {"checksum/config": hashlib.sha256("\0".join(texts).encode()).hexdigest()}


def _monitor(made: Installation, monitor: Monitor) -> dict[str, Any]:
    endpoint: dict[str, Any] = {
        "port": "http",
        "interval": f"{monitor.interval_seconds}s",
        # Prometheus refuses a scrape that may take longer than the time to the next one.
        "scrapeTimeout": f"{min(SCRAPE_TIMEOUT_SECONDS, monitor.interval_seconds)}s",
        # A run's namespace, not that of the exporter.
        "honorLabels": True,
    }
    if made.web is not None and made.web.tls:
        endpoint["scheme"] = "https"
        tls: dict[str, Any] = {"serverName": f"{made.name}.{made.namespace}.svc"}
        if made.web.ca is not None:
            tls["ca"] = {"secret": {"name": made.web.ca[0], "key": made.web.ca[1]}}
        endpoint["tlsConfig"] = tls
    if made.web is not None and made.web.credentials is not None:
        secret, user, password = made.web.credentials
        endpoint["basicAuth"] = {
            "username": {"name": secret, "key": user},
            "password": {"name": secret, "key": password},
        }
    namespace = monitor.namespace or made.namespace
    spec: dict[str, Any] = {"selector": {"matchLabels": made.selector}}
    if namespace != made.namespace:
        spec["namespaceSelector"] = {"matchNames": [made.namespace]}
    spec["endpoints" if monitor.kind == "ServiceMonitor" else "podMetricsEndpoints"] = [endpoint]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": monitor.kind,
        "metadata": {
            "name": made.name,
            "namespace": namespace,
            "labels": dict(monitor.labels),
            "annotations": {"arms.prometheus.io/discovery": "true"},
        },
        "spec": spec,
    }
