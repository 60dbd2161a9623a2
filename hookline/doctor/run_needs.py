"""Needs of runs: the templates that Workflows refer to, and the claims, Secrets and ConfigMaps that those templates name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hookline.doctor.facts import NamedTemplate
from hookline.plan.planning import Plan
from triggers.workflow import Workload

__all__ = ["Need", "needs", "pairs", "template_of"]

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
    """Key that must be there; empty = none is known."""
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
        templates: The manifests of templates, as the cluster has them; any JSON.
    """
    named: dict[NamedTemplate, frozenset[Need]] = {}
    defaults: dict[NamedTemplate, dict[str, str]] = {}
    for template, manifest in templates.items():
        spec = manifest.get("spec") if isinstance(manifest, dict) else None
        named[template] = frozenset(each for key, value in pairs(spec) for each in _named(key, value))
        defaults[template] = _defaults(spec)
    found: set[Need] = set()
    for workload in plan.workloads.values():
        template = template_of(workload)
        values = {**defaults.get(template, {}), **workload.arguments}
        for each in named.get(template, ()):
            name = _PARAMETER.sub(lambda match, values=values: values.get(match[1], ""), each.name)  # type: ignore[misc]
            # A name that a step makes is not known before it runs.
            if name and "{{" not in name:
                found.add(replace(each, namespace=workload.namespace, name=name))
    return tuple(sorted(found))


def pairs(node: Any) -> Iterator[tuple[str, Any]]:
    """Every key of every mapping in JSON, with its value, however deep."""
    left = [node]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield from value.items()
            left += value.values()
        elif isinstance(value, list):
            left += value


def _defaults(spec: Any) -> dict[str, str]:
    arguments = spec.get("arguments") if isinstance(spec, dict) else None
    declared = arguments.get("parameters") if isinstance(arguments, dict) else None
    return {
        str(each["name"]): str(each.get("value", each.get("default", "")))
        for each in (declared if isinstance(declared, list) else ())
        if isinstance(each, dict) and "name" in each
    }


def _named(key: str, value: Any) -> Iterator[Need]:
    """The object that a part of a pod's description names; its namespace is that of the run."""
    if not isinstance(value, dict):
        return
    optional = value.get("optional") is True
    match key:
        case "persistentVolumeClaim":
            yield Need("PersistentVolumeClaim", "", str(value.get("claimName") or ""))
        case "secret" if "secretName" in value:
            name = str(value["secretName"])
            for item in _items(value) or [_KNOWN_KEYS.get(name, "")]:
                yield Need("Secret", "", name, item, optional)
        case "configMap" if "name" in value:
            for item in _items(value) or [""]:
                yield Need("ConfigMap", "", str(value["name"]), item, optional)
        case "secretKeyRef" | "secretRef" if "name" in value:
            yield Need("Secret", "", str(value["name"]), str(value.get("key") or ""), optional)
        case "configMapKeyRef" | "configMapRef" if "name" in value:
            yield Need("ConfigMap", "", str(value["name"]), str(value.get("key") or ""), optional)


def _items(value: Mapping[str, Any]) -> list[str]:
    items = value.get("items")
    return [
        str(each["key"])
        for each in (items if isinstance(items, list) else ())
        if isinstance(each, dict) and "key" in each
    ]
