"""Argo Events and Argo Workflows as pods, by the manifests of their releases."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from node.catalogue import version_of
from node.kubernetes import Kubernetes
from node.places import FOLDER

__all__ = ["install_argo", "until_argo_is_ready"]

SMALL_STEPS = {
    "spec": {
        "podSpecPatch": '{"containers":[{"name":"main","resources":{"requests":{"cpu":"100m","memory":"256Mi"}}}]}'
    }
}
"""A setting of the cluster's owner: the node has as many cores as the machine, and the steps of the templates ask for two."""


def install_argo(cluster: Kubernetes) -> None:
    """Apply both."""
    for name in ("argo", "argo-events"):
        cluster.run("kubectl", "create", "namespace", name)
    events = Path(cluster.supplies.engines["argo-events"])
    cluster.run("kubectl", "-n", "argo-events", "apply", "--server-side", "-f", str(events / "install.yaml"))
    cluster.apply(_workflows(cluster))


def _workflows(cluster: Kubernetes) -> str:
    """What a release of Argo Workflows publishes: its manifests with its version in them. Its server of web pages is left out."""
    executor = Path(cluster.supplies.engines["argoexec"])
    version = version_of(executor)
    folder = FOLDER / "argo-workflows"
    shutil.copytree(executor / "manifests", folder / "manifests")
    arguments = [f"--executor-image=quay.io/argoproj/argoexec:{version}"]
    server = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "argo-server", "namespace": "argo"},
        "$patch": "delete",
    }
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "workflow-controller-configmap", "namespace": "argo"},
        "data": {"workflowDefaults": yaml.safe_dump(SMALL_STEPS)},
    }
    described = {
        "resources": ["manifests/base/crds/minimal", "manifests/cluster-install-no-crds"],
        "images": [{"name": "quay.io/argoproj/workflow-controller", "newTag": version}],
        "patches": [
            {"patch": yaml.safe_dump(server)},
            {"patch": yaml.safe_dump(settings)},
            {"patch": yaml.safe_dump(_sooner())},
            {
                "target": {"kind": "Deployment", "name": "workflow-controller"},
                "patch": yaml.safe_dump(
                    [{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": arguments}]
                ),
            },
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(described))
    return cluster.run("kubectl", "kustomize", str(folder))


def _sooner() -> Mapping[str, Any]:
    """A controller that looks at a Workflow again after a second, not ten (its documented variable): runs have three steps."""
    variable = {"name": "DEFAULT_REQUEUE_TIME", "value": "1s"}
    pod = {"containers": [{"name": "workflow-controller", "env": [variable]}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "workflow-controller", "namespace": "argo"},
        "spec": {"template": {"spec": pod}},
    }


def until_argo_is_ready(cluster: Kubernetes) -> None:
    """Wait until both controllers are."""
    cluster.until_ready("argo-events", "app=controller-manager")
    cluster.until_ready("argo", "app=workflow-controller")
