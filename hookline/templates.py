"""Templates that the user names: manifests in files, or read from a cluster."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from hookline.diagnostics import Diagnostic, InvalidInput, Position
from hookline.yaml_syntax import shown
from triggers.template import Template, TemplateError, from_manifest

__all__ = [
    "LARGEST_BYTES",
    "AbsentTemplate",
    "manifest_from_cluster",
    "read_templates",
    "template_from_cluster",
]

LARGEST_BYTES = 4 * 1024 * 1024


class AbsentTemplate(ConnectionError):
    """The cluster answers, and has no such template."""


def read_templates(files: Sequence[Path]) -> dict[str, Template]:
    """Capabilities by template name, from manifest files.

    Raises:
        InvalidInput: A file cannot be read or holds no template.
    """
    found: dict[str, Template] = {}
    for path in files:
        try:
            template = from_manifest(_manifest(path.read_bytes()), str(path))
        except (OSError, yaml.YAMLError, TemplateError, RecursionError, ValueError) as error:
            sentence = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
            raise InvalidInput(
                (Diagnostic(Position(str(path), 1, 1), f"not a template: {sentence}"),)
            ) from error
        found[template.name] = template
    return found


def _manifest(content: bytes) -> Any:
    if len(content) > LARGEST_BYTES:
        raise TemplateError(f"the file has {len(content):,} bytes; a template has at most {LARGEST_BYTES:,}")
    return yaml.safe_load(content)


def template_from_cluster(name: str) -> Template:
    """Capabilities of a ClusterWorkflowTemplate in the cluster of the current kubeconfig context.

    Raises:
        ConnectionError: There is no such context, the cluster does not answer, or it refuses.
        InvalidInput: The object is not a template.
    """
    try:
        return from_manifest(manifest_from_cluster(name), f"the cluster's ClusterWorkflowTemplate {name}")
    except TemplateError as error:
        raise InvalidInput((Diagnostic(Position(f"cluster:{name}", 1, 1), str(error)),)) from error


def manifest_from_cluster(
    name: str, *, kubeconfig: Path | None = None, context: str | None = None, namespace: str = ""
) -> Any:
    """A ClusterWorkflowTemplate of a cluster, or a WorkflowTemplate of this namespace.

    Raises:
        AbsentTemplate: The cluster has none of this name.
        ConnectionError: There is no such context, the cluster does not answer, or it refuses.
    """
    from kubernetes import client, config  # noqa: PLC0415 - slow to load, and most commands work offline
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from kubernetes.config.config_exception import ConfigException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    kind = "WorkflowTemplate" if namespace else "ClusterWorkflowTemplate"
    where = ("argoproj.io", "v1alpha1")
    try:
        file = None if kubeconfig is None else str(kubeconfig)
        made = config.new_client_from_config(file, context)  # type: ignore[no-untyped-call]  # ships no types
        api = client.CustomObjectsApi(made)
        if namespace:
            return api.get_namespaced_custom_object(
                *where, namespace, "workflowtemplates", name, _request_timeout=10
            )
        return api.get_cluster_custom_object(*where, "clusterworkflowtemplates", name, _request_timeout=10)
    except (ConfigException, yaml.YAMLError, TypeError, AttributeError, KeyError) as error:
        raise ConnectionError(f"no cluster to ask: {shown(error)}") from error
    except ApiException as error:
        sentence = f'the cluster did not give {kind} "{name}": {error.status} {error.reason}'
        raise (AbsentTemplate if error.status == 404 else ConnectionError)(sentence) from error
    except (HTTPError, OSError) as error:
        raise ConnectionError(f"the cluster does not answer: {str(error)[:200]}") from error
    except (ValueError, RecursionError) as error:
        raise ConnectionError(
            f'the cluster gave something else than {kind} "{name}": {shown(error)}'
        ) from error
