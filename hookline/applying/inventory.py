"""The inventory: a ConfigMap that names every object that a declaration has made, so that a later one knows what to delete."""

from collections.abc import Iterable, Mapping
from typing import Any

from hookline.applying.object_name import ObjectName
from hookline.labels import labelled

__all__ = ["inventory_manifest", "inventory_name", "listed"]

_KEY = "objects"
_SUFFIX = "-inventory"


def inventory_name(prefix: str, namespace: str) -> ObjectName:
    """The ConfigMap of a declaration: the prefix of its objects is part of the name, so two declarations share a namespace."""
    return ObjectName.at("v1", "ConfigMap", namespace, f"{prefix}{_SUFFIX}")


def inventory_manifest(name: ObjectName, objects: Iterable[ObjectName]) -> dict[str, Any]:
    """The ConfigMap, one line an object: `API-VERSION KIND NAMESPACE NAME`, with - where there is no namespace."""
    lines = sorted(f"{each.api_version} {each.kind} {each.namespace or '-'} {each.name}" for each in objects)
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name.name, "namespace": name.namespace},
        "data": {_KEY: "".join(f"{line}\n" for line in lines)},
    }
    return labelled(manifest, "inventory", name.name.removesuffix(_SUFFIX))


def listed(config_map: Mapping[str, Any] | None) -> tuple[ObjectName, ...]:
    """The objects of an inventory; lines that hookline did not write are left out."""
    text = ((config_map or {}).get("data") or {}).get(_KEY, "")
    found = (line.split() for line in text.splitlines())
    return tuple(
        ObjectName.at(version, kind, "" if namespace == "-" else namespace, name)
        for version, kind, namespace, name in (line for line in found if len(line) == 4)
    )
