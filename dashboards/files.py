"""Files to load into Grafana, Prometheus and clusters."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from dashboards.rules import groups

__all__ = ["dashboard_texts", "files"]

NAME = "hookline"


def dashboard_texts() -> Mapping[str, str]:
    """File name → a dashboard, JSON."""
    folder = resources.files("dashboards").joinpath("out")
    found = (each for each in folder.iterdir() if each.name.endswith(".json"))
    return {each.name: each.read_text("utf-8") for each in sorted(found, key=lambda each: each.name)}


def files(namespace: str, labels: Mapping[str, str], runbooks: str | None) -> Mapping[str, Any]:
    """Path → content: a text, or data to be written as YAML.

    Args:
        namespace: Of ConfigMaps and PrometheusRule.
        labels: More labels of the PrometheusRule, by which a Prometheus chooses its rules.
        runbooks: Address of the runbooks, up to the name of a file; None if nobody publishes them.
    """
    texts = dashboard_texts()
    rules = groups(runbooks)
    config_maps = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                # The label by which Grafana's sidecar of the kube-prometheus stack finds dashboards.
                "name": name.removesuffix(".json"),
                "namespace": namespace,
                "labels": {"app.kubernetes.io/name": NAME, "grafana_dashboard": "1"},
                "annotations": {"grafana_folder": NAME},
            },
            "data": {name: text},
        }
        for name, text in texts.items()
    ]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": NAME, **labels},
        },
        "spec": rules,
    }
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
        **{f"grafana/dashboards/{name}": text for name, text in texts.items()},
        "grafana/provisioning/hookline.yaml": provider,
        "kubernetes/dashboards.yaml": {"apiVersion": "v1", "kind": "List", "items": config_maps},
        "kubernetes/rules.yaml": rule,
        "prometheus/rules.yaml": rules,
    }
