"""Rights: what creates Workflows, what their pods run as, and whatever else needs an account."""

from collections.abc import Iterable
from typing import Any

from triggers.workflow import RUN_SERVICE_ACCOUNT

__all__ = ["bound_account", "run_rights", "sensor_rights"]

_LABELS = {"app.kubernetes.io/managed-by": "hookline"}


def bound_account(name: str, namespace: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A ServiceAccount that may do this, and nothing else, in its namespace."""
    metadata = {"name": name, "namespace": namespace, "labels": dict(_LABELS)}
    api = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def sensor_rights(name: str, namespace: str, verbs: Iterable[str]) -> list[dict[str, Any]]:
    """The Sensors' account: these verbs on the Workflows of one namespace, nothing else.

    `patch` on a missing Workflow reads, then creates it (argo-events pkg/sensors/triggers/standard-k8s).
    """
    return bound_account(
        name, namespace, [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": list(verbs)}]
    )


def run_rights(namespace: str) -> list[dict[str, Any]]:
    """The runs' account: it may report a step's result to Argo and do nothing else.

    Less than this ends every step in an error: the executor creates a WorkflowTaskResult when it starts
    (argo-workflows 3.7.4 workflow/executor/executor.go, InitializeOutput).
    """
    return bound_account(
        RUN_SERVICE_ACCOUNT,
        namespace,
        [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}],
    )
