"""The objects that run the exporter: least rights, no root, a read-only file system, a volume for the ledger."""

from typing import Any

__all__ = ["NAME", "exporter_manifests"]

NAME = "hookline-exporter"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "hookline"}
RBAC = "rbac.authorization.k8s.io"

MEMORY_MIB = (256, 512)
"""Requested memory, and its limit: 101 MiB were measured with 8,000 Workflows and 24,000 pods, 197 where their lists came in
pages (docs/performance.md); each of four readers may then hold a log of 16 MiB as bytes, text and lines."""


def _rules(lease: str) -> list[dict[str, Any]]:
    return [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [lease],
            "verbs": ["get", "update"],
        },
        # Kubernetes cannot limit `create` to a name: the object has none yet when it is asked.
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    ]


def exporter_manifests(
    namespace: str,
    image: str,
    port: int,
    *,
    host: str = "0.0.0.0",  # noqa: S104 - a scraper is on another machine
    lease: str = NAME,
) -> list[dict[str, Any]]:
    """Account, rights, volume, Deployment, Service, NetworkPolicy and ServiceMonitor for the runs of one namespace.

    The ServiceMonitor carries the annotation by which Alibaba Cloud's managed Prometheus finds it
    (aliyun/terraform-provider-alicloud, arms_env_service_monitor).

    Args:
        namespace: Of the runs, and of the objects.
        image: Of the exporter.
        port: At which it serves.
        host: Address at which it listens: every address of the pod, of IPv4 or of both.
        lease: Name of the Lease in the namespace that instances share.
    """
    metadata = {"name": NAME, "namespace": namespace, "labels": LABELS}
    selector = {"app.kubernetes.io/name": NAME}
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": _rules(lease)},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": NAME},
            "subjects": [subject],
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
        _deployment(
            metadata,
            image,
            port,
            [
                "exporter",
                f"--namespace={namespace}",
                "--ledger=/ledger/ledger.db",
                f"--listen={f'[{host}]' if ':' in host else host}:{port}",
                f"--lease={namespace}/{lease}",
            ],
        ),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": selector, "ports": [{"name": "http", "port": port, "targetPort": "http"}]},
        },
        {
            # Egress stays open: the API server's address differs from cluster to cluster.
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": {
                "podSelector": {"matchLabels": selector},
                "policyTypes": ["Ingress"],
                "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
            },
        },
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": {**metadata, "annotations": {"arms.prometheus.io/discovery": "true"}},
            "spec": {
                "selector": {"matchLabels": selector},
                "endpoints": [
                    # A run's namespace, not that of the exporter.
                    {"port": "http", "interval": "30s", "scrapeTimeout": "10s", "honorLabels": True}
                ],
            },
        },
    ]


def _deployment(metadata: dict[str, Any], image: str, port: int, arguments: list[str]) -> dict[str, Any]:
    container = {
        "name": "exporter",
        "image": image,
        "args": arguments,
        "ports": [{"name": "http", "containerPort": port}],
        "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "http"}},
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "http"}},
        "resources": {
            "requests": {"cpu": "100m", "memory": f"{MEMORY_MIB[0]}Mi"},
            "limits": {"memory": f"{MEMORY_MIB[1]}Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "ledger", "mountPath": "/ledger"}],
    }
    pod = {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "ledger", "persistentVolumeClaim": {"claimName": NAME}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 1,
            # The volume is of one node: the old pod goes before the new one comes.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }
