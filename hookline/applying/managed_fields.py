"""Managed fields: which fields of an object its managers own, as the API server writes them (FieldsV1).

A set of fields is a tree. Its keys are `f:NAME` for a field, `k:{...}` for an item of a list by its key fields, `v:...` for a value of a set
and `.` for the thing itself (kubernetes.io/docs/reference/using-api/server-side-apply; sigs.k8s.io/structured-merge-diff fieldpath/serialize.go).
"""

import copy
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

__all__ = ["MANAGER", "adopted", "fields_of", "taken_from", "without_fields"]

MANAGER = "hookline"
"""Field manager of what `hookline apply` writes."""

Fields = Mapping[str, Any]

_KUBECTL = {
    ("kubectl-client-side-apply", "Update"),
    ("kubectl-create", "Update"),
    ("kubectl-replace", "Update"),
    ("kubectl", "Apply"),
    ("before-first-apply", "Update"),
}
"""Managers and operations by which `hookline render | kubectl …` wrote an object. Edits by hand have other names: they conflict."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def _entries(live: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live["metadata"].get("managedFields", [])
    return found


def _is_of_kubectl(entry: Mapping[str, Any]) -> bool:
    return (entry["manager"], entry["operation"]) in _KUBECTL and not entry.get("subresource")


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return entry["manager"] == MANAGER and entry["operation"] == "Apply" and not entry.get("subresource")


def _union(one: Fields, other: Fields) -> dict[str, Any]:
    return {key: _union(one.get(key, {}), other.get(key, {})) for key in {**one, **other}}


def _difference(one: Fields, other: Fields) -> dict[str, Any]:
    """The fields of `one` that `other` has not."""
    found: dict[str, Any] = {}
    for key, below in one.items():
        if key not in other:
            found[key] = below
        elif below and (left := _difference(below, other[key])):
            found[key] = left
    return found


def fields_of(live: Mapping[str, Any], *, ours: bool) -> dict[str, Any]:
    """The fields that hookline owns, or with `ours` false those of everybody else, kubectl's installation left out."""
    found: dict[str, Any] = {}
    for entry in _entries(live):
        if _is_ours(entry) == ours and not _is_of_kubectl(entry):
            found = _union(found, entry.get("fieldsV1", {}))
    return found


def adopted(live: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The JSON patch by which hookline takes over what kubectl installed; None where there is nothing to take over.

    Without it a field that the declaration no longer has would stay, because kubectl still owned it, and every changed
    field would be a conflict.
    """
    entries = _entries(live)
    taken = [entry for entry in entries if _is_of_kubectl(entry)]
    if not taken:
        return None
    mine = next((entry for entry in entries if _is_ours(entry)), taken[0])
    fields: dict[str, Any] = {}
    for entry in [mine, *taken]:
        fields = _union(fields, entry.get("fieldsV1", {}))
    merged = {**mine, "manager": MANAGER, "operation": "Apply", "fieldsV1": fields}
    kept = [entry for entry in entries if entry not in taken and not _is_ours(entry)]
    metadata = live["metadata"]
    # The version is part of the patch: an object that somebody changed in between is refused, and read again.
    operations = [
        {"op": "replace", "path": "/metadata/managedFields", "value": [merged, *kept]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
    ]
    if _LAST_APPLIED in metadata.get("annotations", {}):
        operations.append(
            {"op": "remove", "path": f"/metadata/annotations/{_LAST_APPLIED.replace('/', '~1')}"}
        )
    return operations


def without_fields(live: Mapping[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome of a dry run, as it would be after the adoption that a dry run cannot do.

    Args:
        live: The object before.
        applied: The object that the API server answered to a dry run.
    """
    before: dict[str, Any] = {}
    for entry in _entries(live):
        if _is_of_kubectl(entry):
            before = _union(before, entry.get("fieldsV1", {}))
    gone = _difference(_difference(before, fields_of(applied, ours=True)), fields_of(live, ours=False))
    found = copy.deepcopy(dict(applied))
    _remove(found, gone)
    found["metadata"].get("annotations", {}).pop(_LAST_APPLIED, None)
    if not found["metadata"].get("annotations", True):
        del found["metadata"]["annotations"]
    return found


def _remove(value: Any, fields: Fields) -> None:
    for key, below in fields.items():
        if key.startswith("f:") and isinstance(value, dict) and key[2:] in value:
            name = key[2:]
            if below:
                _remove(value[name], below)
            if not below or value[name] in ({}, []):
                del value[name]
        elif key.startswith("k:") and isinstance(value, list):
            wanted = json.loads(key[2:]).items()
            for item in [each for each in value if isinstance(each, dict) and wanted <= each.items()]:
                _remove(item, below)
                if not item:
                    value.remove(item)
        elif key.startswith("v:") and isinstance(value, list) and json.loads(key[2:]) in value:
            value.remove(json.loads(key[2:]))


def taken_from(live: Mapping[str, Any], applied: Mapping[str, Any]) -> Collection[str]:
    """Managers from whom a forced apply would take a field: whom a conflict would name.

    A field that goes with what we owned around it is no conflict: the controller of event sources adds empty fields to each entry.
    """
    ours = fields_of(applied, ours=True)
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in _entries(applied):
        place = entry["manager"], entry["operation"]
        kept[place] = _union(kept.get(place, {}), entry.get("fieldsV1", {}))
    return sorted({entry["manager"] for entry in _others(live) if _meet(_lost(entry, kept), ours)})


def _others(live: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (entry for entry in _entries(live) if not _is_ours(entry) and not _is_of_kubectl(entry))


def _lost(entry: Mapping[str, Any], kept: Mapping[tuple[str, str], Fields]) -> dict[str, Any]:
    return _difference(entry.get("fieldsV1", {}), kept.get((entry["manager"], entry["operation"]), {}))


def _meet(one: Fields, other: Fields) -> bool:
    """Whether two sets have a field in common; that both reach into the same thing is not enough."""
    return any(
        not below or not other[key] or _meet(below, other[key])
        for key, below in one.items()
        if key in other and key != "."
    )
