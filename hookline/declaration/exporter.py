"""The model of `exporter:`: the exporter as it runs in the cluster."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from documents.blocks import Block, Duration, Memory, SecretKey
from documents.scalars import check_namespace, fullmatch
from hookline.declaration.own_pods import Labels, Namespaces, ObjectReference, OwnPod

__all__ = ["Exporter", "LedgerStorage", "WebConfig"]

Namespace = Annotated[str, AfterValidator(check_namespace)]


def _check_prefix(value: str) -> str:
    # Prometheus takes what stands in an annotation for a template: {{ would be run there.
    return fullmatch(
        r"[A-Za-z0-9:/._~%?=&#@+-]{1,500}",
        value,
        "expected the beginning of an address, as in https://docs.example.com/runbooks/",
    )


def _check_address(value: str) -> str:
    # The pages link to each other by their path, so that they stand at the top of a host.
    return fullmatch(
        r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?/?",
        value,
        "expected http:// or https:// and a host without a path, as in https://hookline.example.com",
    ).rstrip("/")


class SecretKeyReference(Block):
    """A key of a Secret in the namespace of the object that names it."""

    name: ObjectReference = Field(description="Name of the Secret.", examples=["exporter-web"])
    key: SecretKey = Field(description="Key in the Secret.", examples=["ca.crt"])


class Credentials(Block):
    """User and password with which Prometheus asks the exporter."""

    name: ObjectReference = Field(
        description="Name of the Secret, in the namespace of the monitor.", examples=["exporter-scrape"]
    )
    username: SecretKey = Field(default="username", description="Key of the user.", examples=["username"])
    password: SecretKey = Field(default="password", description="Key of the password.", examples=["password"])


class WebConfig(Block):
    """The file of --web.config.file, in a Secret that you make; all keys of the Secret are mounted beside it."""

    name: ObjectReference = Field(
        description="Name of the Secret, in the exporter's namespace.", examples=["exporter-web"]
    )
    key: SecretKey = Field(default="web.yml", description="Key of the file.", examples=["web.yml"])
    tls: bool = Field(
        default=False,
        description="Whether the file has TLS settings: probes and monitor then use https. A file that demands client certificates is not "
        "possible here, because the kubelet has none for its probes.",
        examples=[True],
    )
    ca: SecretKeyReference | None = Field(
        default=None,
        description="Authority that signed the certificate for <cluster.name>-exporter.<namespace>.svc, in the namespace of the monitor. "
        "Default: one that Prometheus trusts already.",
        examples=[{"name": "exporter-ca", "key": "ca.crt"}],
    )
    basic_auth: Credentials | None = Field(
        default=None,
        description="User and password that Prometheus sends, if the file has users.",
        examples=[{"name": "exporter-scrape"}],
    )


class LedgerStorage(Block):
    """The volume claim of the ledger. hookline never deletes it."""

    size: Memory = Field(
        default="1Gi",
        description="Size of the volume.",
        examples=["1Gi"],
    )
    class_: ObjectReference | None = Field(
        default=None,
        alias="class",
        description="StorageClass of the volume. Default: the cluster's default class.",
        examples=["alicloud-disk-essd"],
    )


class Exporter(OwnPod):
    """The exporter in the cluster: its Deployment, and everything that it needs. `{}` is enough where cluster.image is set."""

    namespace: Namespace | None = Field(
        default=None,
        description="Namespace in which the exporter runs. Default: cluster.namespace.",
        examples=["ci"],
    )
    watch: Literal["all"] | Namespaces | None = Field(
        default=None,
        description="Namespaces whose runs are measured, each with a Role, at most 50; or all, with a ClusterRole. Default: every namespace "
        "in which the declaration lets runs go.",
        examples=[["ci", "team-shop"]],
    )
    url: Annotated[str, AfterValidator(_check_address)] | None = Field(
        default=None,
        description="Address under which people reach the exporter's pages, to which you route it. Statuses of the controller then lead to "
        "the page of their run.",
        examples=["https://hookline.example.com"],
    )
    settings: dict[str, Any] = Field(
        default={},
        description="Settings of the exporter, as --config takes them in a file: hookline docs exporter#settings. A file of prices is "
        "relative to this file, and is read when hookline renders.",
        examples=[{"max_pipelines": 2000}],
    )
    web_config: WebConfig | None = Field(
        default=None,
        description="TLS settings and passwords, by reference to a Secret.",
        examples=[{"name": "exporter-web", "tls": True}],
    )
    storage: LedgerStorage | None = Field(
        default=None,
        description="Volume of the ledger, which keeps the counters over restarts. Default: 1Gi of the cluster's default class.",
        examples=[{"size": "2Gi"}],
    )
    monitor: Literal["service", "pod", "none"] = Field(
        default="service",
        description="Object that has Prometheus scrape the exporter: a ServiceMonitor, a PodMonitor, or none. Both are kinds of the "
        "Prometheus Operator; without it, write none and rules: false.",
        examples=["service"],
    )
    monitor_labels: Labels = Field(
        default={},
        description="Further labels of the monitor, by which your Prometheus chooses monitors.",
        examples=[{"release": "kube-prometheus-stack"}],
    )
    interval: Duration | None = Field(
        default=None, description="Time between two scrapes, in the monitor. Default: 30s.", examples=["30s"]
    )
    event_metrics: bool = Field(
        default=True,
        description="Whether render prints a PodMonitor for event sources, Sensors and the bus too. Alerts on a lost bus and the dashboard "
        "Event path need it. Write false if your Prometheus scrapes these pods already.",
        examples=[False],
    )
    rules: bool = Field(
        default=True,
        description="Whether render prints recording rules and alerts, as a PrometheusRule of the Prometheus Operator.",
        examples=[True],
    )
    rules_labels: Labels = Field(
        default={},
        description="Further labels of the PrometheusRule, by which your Prometheus chooses rules.",
        examples=[{"release": "kube-prometheus-stack"}],
    )
    runbooks: Annotated[str, AfterValidator(_check_prefix)] | None = Field(
        default=None,
        description="Address where you publish the runbooks that hookline docs --to writes; alerts link to it. Default: alerts name the "
        "command that prints their runbook.",
        examples=["https://docs.example.com/runbooks/"],
    )
    dashboards: bool = Field(
        default=True,
        description="Whether render prints the Grafana dashboards, as ConfigMaps for Grafana's sidecar.",
        examples=[True],
    )
    dashboards_labels: Labels = Field(
        default={},
        description='Labels of those ConfigMaps, by which the sidecar finds them. Default: grafana_dashboard: "1".',
        examples=[{"grafana_dashboard": "1"}],
    )
    monitoring_namespace: Namespace | None = Field(
        default=None,
        description="Namespace of monitor, rules and dashboards. Default: that of the exporter.",
        examples=["monitoring"],
    )
