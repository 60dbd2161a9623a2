"""Pods of the event path: restricted as Kubernetes' Pod Security level `restricted` asks, and bounded in memory.

The images of Argo Events and NATS name no user, so their pods would run as root; they need neither root nor a file system
that they can write, but for the volumes that the controllers mount: /tmp, and the bus's own (argo-events Dockerfile,
pkg/reconciler/{sensor,eventsource}/resource.go, pkg/reconciler/eventbus/installer/jetstream.go).
"""

from collections.abc import Mapping
from typing import Any

__all__ = [
    "METRICS_PORT",
    "USER",
    "container_security",
    "monitor",
    "pod_security",
    "pod_template",
    "requests",
]

METRICS_PORT = 7777
"""Where event sources and Sensors serve their metrics (argo-events pkg/apis/events/v1alpha1/const.go)."""

USER = 65_532
"""Number of the user that the pods run as; any but 0 would do, this is the usual `nonroot`."""


def pod_security() -> dict[str, Any]:
    """The `securityContext` of a pod: no root, and only the system calls that container runtimes allow by default."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,  # otherwise the image's own group, which is root's
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """The `securityContext` of a container: it gains no privileges, has none, and writes its volumes alone."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _cpu(millis: int) -> str:
    """A quantity in the one form in which Argo's controller writes it back (apimachinery, pkg/api/resource: canonical form).

    In another form, it would be a change of the controller's, and the next apply of the same file a conflict.
    """
    return f"{millis}m" if millis % 1000 else str(millis // 1000)


def _memory(mib: int) -> str:
    """The same for memory: 512Mi, and 1Gi for 1024."""
    return f"{mib}Mi" if mib % 1024 else f"{mib // 1024}Gi"


def requests(cpu_millis: int, memory_mib: int) -> dict[str, Any]:
    """The resources that a container asks for, without a limit."""
    return {"requests": {"cpu": _cpu(cpu_millis), "memory": _memory(memory_mib)}}


def pod_template(account: str, memory_mib: int, limit_mib: int) -> dict[str, Any]:
    """The `spec.template` of an EventSource or a Sensor.

    The object reaches its pod as one environment string, so this is kept small: about 430 bytes of JSON.

    Args:
        account: Name of its ServiceAccount.
        memory_mib: MiB of memory that are requested.
        limit_mib: MiB at which the container is ended.
    """
    return {
        "serviceAccountName": account,
        "securityContext": pod_security(),
        "container": {
            "securityContext": container_security(),
            "resources": {**requests(50, memory_mib), "limits": {"memory": _memory(limit_mib)}},
            # Go collects more often as it comes near this, instead of being ended at the limit.
            "env": [{"name": "GOMEMLIMIT", "value": f"{limit_mib * 9 // 10}MiB"}],
        },
    }


def monitor(
    namespace: str, labels: Mapping[str, str], name: str = "hookline-events", at: str = ""
) -> dict[str, Any]:
    """The PodMonitor by which a Prometheus Operator has the pods of the event path scraped: event sources, Sensors and the bus.

    All three name the port `metrics` (argo-events 1.9.11, pkg/reconciler/{sensor,eventsource}/resource.go, eventbus/installer/jetstream.go).
    An alert on a lost bus waits for two scrapes, so they are not far apart.

    Args:
        namespace: Of the pods.
        labels: By which a Prometheus chooses its monitors.
        name: Of the object.
        at: Namespace of the object; empty: that of the pods.
    """
    controllers = [f"{part}-controller" for part in ("eventbus", "eventsource", "sensor")]
    elsewhere = {"namespaceSelector": {"matchNames": [namespace]}} if at not in {"", namespace} else {}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {
            "name": name,
            "namespace": at or namespace,
            "labels": dict(labels),
            # By which Alibaba Cloud's managed Prometheus finds it (aliyun/terraform-provider-alicloud, arms_env_pod_monitor).
            "annotations": {"arms.prometheus.io/discovery": "true"},
        },
        "spec": {
            **elsewhere,
            "selector": {
                "matchExpressions": [{"key": "controller", "operator": "In", "values": controllers}]
            },
            "podMetricsEndpoints": [{"port": "metrics", "interval": "15s"}],
        },
    }
