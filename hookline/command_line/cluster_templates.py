"""Templates in a cluster, read from its API server by the current kubeconfig context."""

from pathlib import Path
from typing import Any

import yaml

from documents.yaml_syntax import shown
from hookline.declaration.templates import manifest_template
from triggers.template import Template

__all__ = ["AbsentTemplate", "manifest_from_cluster", "template_from_cluster"]

_SECONDS = 10.0


class AbsentTemplate(ConnectionError):
    """The cluster answers, and does not have this template."""


def template_from_cluster(name: str) -> Template:
    """Capabilities of a ClusterWorkflowTemplate in the cluster of the current kubeconfig context.

    Raises:
        ConnectionError: There is no such context, the cluster does not answer, or it refuses.
        InvalidInput: The object is not a template.
    """
    return manifest_template(manifest_from_cluster(name), f"cluster:{name}").template


def manifest_from_cluster(
    name: str, *, kubeconfig: Path | None = None, context: str | None = None, namespace: str = ""
) -> Any:
    """A ClusterWorkflowTemplate of a cluster, or a WorkflowTemplate of this namespace.

    Raises:
        AbsentTemplate: The cluster has none of this name.
        ConnectionError: There is no such context, the cluster does not answer, or it refuses.
    """
    # The client of the cluster is slow to load, and most commands work offline.
    from apiserver.connection import Connection, Refused, Unreachable  # noqa: PLC0415

    kind = "WorkflowTemplate" if namespace else "ClusterWorkflowTemplate"
    api = "/apis/argoproj.io/v1alpha1"
    path = f"/namespaces/{namespace}/workflowtemplates" if namespace else "/clusterworkflowtemplates"
    try:
        connection = Connection.of_kubeconfig(kubeconfig, context)
    except (ConnectionError, yaml.YAMLError, TypeError, AttributeError, KeyError) as error:
        raise ConnectionError(f"hookline found no cluster to ask: {shown(error)}") from error
    try:
        return connection.json("GET", f"{api}{path}/{name}", read_seconds=_SECONDS)
    except Refused as error:
        sentence = f'the cluster did not give {kind} "{name}": {error}'
        raise (AbsentTemplate if error.status == 404 else ConnectionError)(sentence) from error
    except Unreachable as error:
        raise ConnectionError(f"the cluster does not answer: {str(error)[:200]}") from error
    except (ValueError, RecursionError) as error:
        raise ConnectionError(f'the cluster did not answer with {kind} "{name}": {shown(error)}') from error
