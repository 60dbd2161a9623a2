"""Manifests in one form, so that the same template is the same whoever stored it.

Left out are what an API server, kubectl and other tools add (status, managed fields, their annotations), what Go writes for nothing
(empty mappings and lists), names and namespaces, and images: which images a cluster runs is its own question.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["OUR_PREFIX", "STAMP", "digest", "normal_form"]

OUR_PREFIX = "hookline.dev/"

STAMP: Mapping[str, str] = {
    "template": f"{OUR_PREFIX}template",
    "version": f"{OUR_PREFIX}template-version",
    "digest": f"{OUR_PREFIX}template-digest",
}
"""Annotations that say which template this is, the version of hookline that rendered it, and the digest of its normal form."""

_UNORDERED = {"parameters", "volumes", "templates", "tasks", "env", "volumeMounts"}
_SAID_BY_NOTHING = {"emptyDir", "none"}
"""Empty mappings that mean something."""


def normal_form(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a manifest that identify a template; every part may be any JSON value."""
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    ours = {
        key: value
        for key, value in (annotations.items() if isinstance(annotations, dict) else ())
        if str(key).startswith(OUR_PREFIX) and key not in STAMP.values()
    }
    found: dict[str, Any] = _normal({"annotations": ours, "spec": manifest.get("spec")}, "")
    return found


def digest(form: Mapping[str, Any]) -> str:
    """Sixteen hex digits of a normal form."""
    return hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()[:16]


def _normal(node: Any, key: str) -> Any:
    if isinstance(node, dict):
        made = {_text(str(name)): _normal(value, str(name)) for name, value in sorted(_items(node))}
        return {
            name: value
            for name, value in made.items()
            if value not in ({}, [], None) or (name in _SAID_BY_NOTHING and value == {})
        }
    if isinstance(node, list):
        items = [_normal(item, "") for item in node]
        if key in _UNORDERED and all(isinstance(item, dict) for item in items):
            items.sort(key=lambda item: (str(item.get("name")), str(item.get("mountPath"))))
        return items
    if node is None:
        return None
    if key == "image" and isinstance(node, str):
        return "(image)"
    return str(node).lower() if isinstance(node, bool) else _text(str(node))


def _items(node: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    return [(str(name), value) for name, value in node.items()]


def _text(text: str) -> str:
    """Text without line ends at its end, blanks at the ends of its lines, tabs, and what a terminal would act on."""
    lines = (_printable(line.replace("\t", "  ").rstrip()) for line in text.split("\n"))
    return "\n".join(lines).rstrip("\n")


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in line
    )
