"""Deployments of hookline's own image: what every pod of ours has, whichever command it runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "PodSettings",
    "Volume",
    "container_security",
    "deployment",
    "granted",
    "granted_in",
    "network_policy",
    "placement",
    "pod_security",
]

USER = 65532
"""User and group of the image (Containerfile)."""
GRACE_SECONDS = 30
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Decisions of a cluster about a pod of ours. Values are as Kubernetes writes them."""

    image: str
    pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the pod's namespace."""
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """Something that is mounted."""

    name: str
    path: str
    source: Mapping[str, Any]
    """A volume source, such as {"configMap": {"name": …}}."""
    writable: bool = False


def pod_security() -> dict[str, Any]:
    """The securityContext of a pod of our image, as the Pod Security level `restricted` demands."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """The same of its container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def placement(settings: PodSettings) -> dict[str, Any]:
    """Keys of a pod's spec that say from where its image comes and on which nodes it runs."""
    found: dict[str, Any] = {
        "imagePullSecrets": [{"name": each} for each in settings.pull_secrets],
        "nodeSelector": dict(settings.node_selector),
        "tolerations": [dict(each) for each in settings.tolerations],
    }
    return {key: value for key, value in found.items() if value}


def deployment(  # noqa: PLR0913 - a Deployment has these parts
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    arguments: Sequence[str],
    settings: PodSettings,
    *,
    port: int,
    tls: bool = False,
    volumes: Sequence[Volume] = (),
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One pod of our image at a time, as the Pod Security level `restricted` demands.

    Args:
        name: Of the Deployment, its ServiceAccount and its container's command.
        namespace: Where it runs.
        labels: By which its pod is found; a Deployment never changes them, so that no version may be among them.
        arguments: Of hookline.
        settings: What the cluster decides.
        port: At which it serves.
        tls: Whether it serves by TLS alone.
        volumes: What it mounts.
        annotations: Of the pod; a change of them replaces it.
    """
    scheme = {"scheme": "HTTPS"} if tls else {}
    container = {
        "name": arguments[0],
        "image": settings.image,
        "args": list(arguments),
        "ports": [{"name": "http", "containerPort": port}],
        "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "http", **scheme}},
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "http", **scheme}},
        "resources": {"requests": dict(settings.requests), "limits": dict(settings.limits)},
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": each.name, "mountPath": each.path, **({} if each.writable else {"readOnly": True})}
            for each in volumes
        ],
    }
    pod: dict[str, Any] = {
        "serviceAccountName": name,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": [{"name": each.name, **each.source} for each in volumes],
        **placement(settings),
    }
    marks = {"annotations": dict(annotations)} if annotations else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            # A volume is of one node, and a second instance would wait: the old pod goes before the new one comes.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels), **marks}, "spec": pod},
        },
    }


def network_policy(
    name: str, namespace: str, labels: Mapping[str, str], port: int, clients: Sequence[str]
) -> dict[str, Any]:
    """Opens the port of a pod, and nothing else of it.

    Egress stays open: the API server's address differs from cluster to cluster.

    Args:
        name: Of the NetworkPolicy.
        namespace: Of the pod.
        labels: By which the pod is found.
        port: At which it serves.
        clients: Namespaces whose pods may ask it; none = everybody.
    """
    peers = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": each}}} for each in clients
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": dict(labels)},
            "policyTypes": ["Ingress"],
            "ingress": [{**({"from": peers} if peers else {}), "ports": [{"port": port, "protocol": "TCP"}]}],
        },
    }


def _leasing(lease: str) -> list[dict[str, Any]]:
    """Rules with which a pod takes and keeps a Lease (`apiserver.lease`)."""
    leases: dict[str, Any] = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    return [
        {**leases, "resourceNames": [lease], "verbs": ["get", "update"]},
        # Kubernetes cannot limit `create` to a name: the object has none yet when it is asked.
        {**leases, "verbs": ["create"]},
    ]


def granted(
    kind: str, name: str, namespace: str, rules: list[dict[str, Any]], account: str, home: str
) -> Iterator[dict[str, Any]]:
    """A Role or ClusterRole, and what binds it to an account.

    Args:
        kind: Role or ClusterRole.
        name: Of both objects.
        namespace: Of both; empty for those of the whole cluster.
        rules: The rights.
        account: Name of the ServiceAccount.
        home: Its namespace.
    """
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    yield {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": dict(metadata), "rules": rules}
    yield {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": home}],
    }


def granted_in(
    namespaces: Sequence[str],
    rules: list[dict[str, Any]],
    account: str,
    home: str,
    lease: str,
    further: Mapping[str, Sequence[dict[str, Any]]] | None = None,
) -> Iterator[dict[str, Any]]:
    """In each of these namespaces the same rights for an account, and at home its Lease.

    Args:
        namespaces: That it watches.
        rules: Its rights there.
        account: Name of the ServiceAccount, and of what is made.
        home: Its namespace.
        lease: Name of the Lease.
        further: Namespace → its rights there beside these.
    """
    rights: dict[str, list[dict[str, Any]]] = {home: []}
    for namespace in namespaces:
        rights[namespace] = list(rules)
    for namespace, more in (further or {}).items():
        rights.setdefault(namespace, []).extend(more)
    rights[home] += _leasing(lease)
    for namespace, found in rights.items():
        yield from granted("Role", account, namespace, found, account, home)
