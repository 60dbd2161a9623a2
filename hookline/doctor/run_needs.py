"""Needs of runs: the templates that Workflows refer to, and the claims, Secrets and ConfigMaps that those templates name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hookline.doctor.facts import NamedTemplate
from hookline.plan.planning import Plan
from triggers.workflow import Workload

__all__ = ["Need", "needs", "template_of"]

_PARAMETER = re.compile(r"\{\{\s*workflow\.parameters\.([\w-]+)\s*\}\}")
_KNOWN_KEYS = {"docker-config": "config.json"}
"""Keys of mounted Secrets that a program reads as files: a mount names none. BuildKit reads config.json of $DOCKER_CONFIG."""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """An object that pods of a run wait for."""

    kind: Literal["PersistentVolumeClaim", "Secret", "ConfigMap"]
    namespace: str
    name: str
    key: str = ""
    """Key that must be there; empty = any."""
    optional: bool = False
    """Whether the pod starts without it."""


def template_of(workload: Workload) -> NamedTemplate:
    """The template that a pipeline's Workflows refer to."""
    reference = workload.resource["spec"]["workflowTemplateRef"]
    return NamedTemplate(reference["name"], "" if reference.get("clusterScope") else workload.namespace)


def needs(plan: Plan, templates: Mapping[NamedTemplate, Any]) -> tuple[Need, ...]:
    """Everything that the runs of a plan need by name, sorted.

    Args:
        plan: The plan.
        templates: The manifests of templates, as the cluster has them.
    """
    found: set[Need] = set()
    for workload in plan.workloads.values():
        spec = (templates.get(template_of(workload)) or {}).get("spec")
        if isinstance(spec, dict):
            parameters = _values(spec, workload)
            found.update(
                each
                for each in _walk(spec, workload.namespace, parameters)
                if "{{" not in each.name and each.name
            )
    return tuple(sorted(found))


def _values(spec: Mapping[str, Any], workload: Workload) -> dict[str, str]:
    declared = (spec.get("arguments") or {}).get("parameters") or ()
    defaults = {each["name"]: str(each.get("value", each.get("default", ""))) for each in declared}
    return defaults | dict(workload.arguments)


def _walk(node: Any, namespace: str, parameters: Mapping[str, str]) -> Iterator[Need]:
    if isinstance(node, list):
        for each in node:
            yield from _walk(each, namespace, parameters)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _named(key, value, namespace, parameters)
        yield from _walk(value, namespace, parameters)


def _named(
    key: str, value: Mapping[str, Any], namespace: str, parameters: Mapping[str, str]
) -> Iterator[Need]:
    def text(name: str) -> str:
        return _PARAMETER.sub(lambda found: parameters.get(found[1], ""), str(value.get(name) or ""))

    optional = value.get("optional") is True
    match key:
        case "persistentVolumeClaim" if "claimName" in value:
            yield Need("PersistentVolumeClaim", namespace, text("claimName"))
        case "secret" if "secretName" in value:
            items = [each.get("key", "") for each in value.get("items") or ()]
            for item in items or [_KNOWN_KEYS.get(text("secretName"), "")]:
                yield Need("Secret", namespace, text("secretName"), item, optional)
        case "configMap" if "name" in value:
            items = [each.get("key", "") for each in value.get("items") or ()]
            for item in items or [""]:
                yield Need("ConfigMap", namespace, text("name"), item, optional)
        case "secretKeyRef" | "configMapKeyRef" if "name" in value:
            kind: Literal["Secret", "ConfigMap"] = "Secret" if key == "secretKeyRef" else "ConfigMap"
            yield Need(kind, namespace, text("name"), text("key"), optional)
        case "secretRef" | "configMapRef" if "name" in value:
            kind = "Secret" if key == "secretRef" else "ConfigMap"
            yield Need(kind, namespace, text("name"), "", optional)
