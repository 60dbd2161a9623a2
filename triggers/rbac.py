"""Rights: the accounts that create Workflows, that their pods have, and that other parts need."""

from collections.abc import Mapping
from typing import Any

from triggers.words import EXECUTOR_SERVICE_ACCOUNT, RUN_SERVICE_ACCOUNT

__all__ = ["bound_account", "run_rights", "sensor_rights", "tokenless_account"]

_MOUNTED = "workflows.argoproj.io/service-account-token.name"
"""Annotation of an executor's account: the Secret with its token (argo-workflows workflow/common/common.go)."""


def _metadata(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace}


def _account(name: str, namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(name, namespace)}


def _grant(
    name: str, namespace: str, account_namespace: str, rules: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """An account of one namespace may do this in another one, or in its own."""
    api = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": api, "kind": "Role", "metadata": _metadata(name, namespace), "rules": rules},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": _metadata(name, namespace),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": account_namespace}],
        },
    ]


def tokenless_account(name: str, namespace: str) -> dict[str, Any]:
    """A ServiceAccount for pods that ask nothing of Kubernetes: they get no token, whatever else is granted to it."""
    return _account(name, namespace) | {"automountServiceAccountToken": False}


def bound_account(name: str, namespace: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A ServiceAccount that may do only this, in its namespace."""
    return [_account(name, namespace), *_grant(name, namespace, namespace, rules)]


def sensor_rights(
    name: str, namespace: str, rules: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """The Sensors' account: it has only the rights of each namespace's rules.

    Args:
        name: Of the account.
        namespace: Where Sensors run.
        rules: Namespace → what may be created there.
    """
    granted = [each for place, found in rules.items() for each in _grant(name, place, namespace, found)]
    return [_account(name, namespace), *granted]


def run_rights(namespace: str) -> list[dict[str, Any]]:
    """Accounts of runs: one that may do nothing and mounts no token, and one for Argo's own containers.

    The second one may report the result of a step. Less than this ends every step in an error: the executor creates a
    WorkflowTaskResult when it starts (argo-workflows 3.7.4 workflow/executor/executor.go, InitializeOutput). Argo mounts its token by the
    name of a Secret, which Kubernetes fills: nothing secret is written here.
    """
    secret = f"{EXECUTOR_SERVICE_ACCOUNT}-token"
    reporting = [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]
    executor, *grant = bound_account(EXECUTOR_SERVICE_ACCOUNT, namespace, reporting)
    executor["metadata"]["annotations"] = {_MOUNTED: secret}
    return [
        _account(RUN_SERVICE_ACCOUNT, namespace) | {"automountServiceAccountToken": False},
        executor | {"automountServiceAccountToken": False},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": _metadata(secret, namespace)
            | {"annotations": {"kubernetes.io/service-account.name": EXECUTOR_SERVICE_ACCOUNT}},
        },
        *grant,
    ]
