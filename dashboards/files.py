"""Files to load into Grafana, Prometheus and clusters."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from dashboards.rules import groups

__all__ = ["SIDECAR_LABELS", "dashboard_objects", "dashboard_texts", "files", "rules_object"]

NAME = "hookline"
SIDECAR_LABELS = {"grafana_dashboard": "1"}
"""The label by which Grafana's sidecar of the kube-prometheus stack finds dashboards."""


def dashboard_texts() -> Mapping[str, str]:
    """File name → a dashboard, JSON."""
    folder = resources.files("dashboards").joinpath("out")
    found = (each for each in folder.iterdir() if each.name.endswith(".json"))
    return {each.name: each.read_text("utf-8") for each in sorted(found, key=lambda each: each.name)}


def dashboard_objects(namespace: str, labels: Mapping[str, str], prefix: str = NAME) -> list[dict[str, Any]]:
    """ConfigMaps with a dashboard each, for Grafana's sidecar: 44 kB at most, where a ConfigMap may have 1 MiB.

    Args:
        namespace: Of the ConfigMaps.
        labels: By which the sidecar finds them.
        prefix: First part of their names.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": prefix + name.removesuffix(".json").removeprefix(NAME),
                "namespace": namespace,
                "labels": dict(labels),
                "annotations": {"grafana_folder": NAME},
            },
            "data": {name: text},
        }
        for name, text in dashboard_texts().items()
    ]


def rules_object(
    namespace: str, labels: Mapping[str, str], runbooks: str | None, name: str = NAME
) -> dict[str, Any]:
    """The PrometheusRule.

    Args:
        namespace: Of the object.
        labels: By which a Prometheus chooses its rules.
        runbooks: Address of the runbooks, up to the name of a file; None if nobody publishes them.
        name: Of the object.
    """
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": groups(runbooks),
    }


def files(namespace: str, labels: Mapping[str, str], runbooks: str | None) -> Mapping[str, Any]:
    """Path → content: a text, or data to be written as YAML.

    Args:
        namespace: Of ConfigMaps and PrometheusRule.
        labels: More labels of the PrometheusRule, by which a Prometheus chooses its rules.
        runbooks: Address of the runbooks, up to the name of a file; None if nobody publishes them.
    """
    rule = rules_object(namespace, labels, runbooks)
    config_maps = dashboard_objects(namespace, SIDECAR_LABELS)
    provider = {
        "apiVersion": 1,
        "providers": [
            {
                "name": NAME,
                "folder": NAME,
                "type": "file",
                "options": {"path": "/var/lib/grafana/dashboards/hookline"},
            }
        ],
    }
    return {
        **{f"grafana/dashboards/{name}": text for name, text in dashboard_texts().items()},
        "grafana/provisioning/hookline.yaml": provider,
        "kubernetes/dashboards.yaml": {"apiVersion": "v1", "kind": "List", "items": config_maps},
        "kubernetes/rules.yaml": rule,
        "prometheus/rules.yaml": rule["spec"],
    }
