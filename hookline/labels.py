"""Labels of every object that hookline prints: the six that Kubernetes recommends (kubernetes.io, Recommended Labels).

Labels of pods and selectors are not made here, and none of them has a version: a Deployment keeps its selector for ever, and a pod is
replaced when its labels change.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from hookline.version import VERSION

__all__ = ["DEFAULT_INSTANCE", "MANAGED_BY", "USER_DATA", "Component", "labelled"]

DEFAULT_INSTANCE = "hookline"
"""Instance of what is printed without a declaration: the default of cluster.name."""

MANAGED_BY = "app.kubernetes.io/managed-by"
NAME, INSTANCE, VERSIONED = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
)
USER_DATA: Final = "user-data"
"""Component of what hookline prints and nobody deletes for the user: volumes, claims, Secrets with credentials."""

Component = Literal[
    "event-bus",
    "event-source",
    "sensor",
    "schedule",
    "runs",
    "workflow-template",
    "fan-out",
    "exporter",
    "controller",
    "monitoring",
    "inventory",
    "user-data",
]

_UNPRUNED = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
"""Annotations by which Argo CD and Flux leave an object alone that is gone from what they apply, or whose application is deleted
(argo-cd docs/user-guide/sync-options.md; fluxcd.io, Kustomization, Controlling the apply behavior of resources)."""
_COPIED = frozenset({"EventSource"})
"""Kinds whose labels a controller copies to an object that it makes anew when they change.

Argo Events hashes the Service of an EventSource with its labels, deletes it and creates it again where the hash differs
(argo-events 1.9.11 pkg/reconciler/eventsource/resource.go, pkg/reconciler/common/util.go): with the version in a label, each upgrade of
hookline would give the Service another address. The Deployment's labels change too, and its pods stay: its spec is the same.
"""


def labelled(manifest: Mapping[str, Any], component: Component, instance: str) -> dict[str, Any]:
    """The object with the recommended labels. Labels that it has already win, such as the name of the application that it finds.

    Only who manages it cannot be said otherwise, because apply leaves alone what others manage.
    Where a label with the version would do harm, an annotation of the same name has it.

    Args:
        manifest: Of the object.
        component: What the object is for.
        instance: Tells two declarations apart: cluster.name.
    """
    metadata = manifest["metadata"]
    labels = {
        NAME: "hookline",
        INSTANCE: instance,
        VERSIONED: VERSION,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "hookline",
    }
    copied = manifest["kind"] in _COPIED
    annotations = {
        **({VERSIONED: labels.pop(VERSIONED)} if copied else {}),
        **(_UNPRUNED if component == USER_DATA else {}),
        **metadata.get("annotations", {}),
    }
    place = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    return {
        **manifest,
        "metadata": {
            **place,
            "labels": labels | metadata.get("labels", {}) | {MANAGED_BY: "hookline"},
            **({"annotations": annotations} if annotations else {}),
        },
    }
