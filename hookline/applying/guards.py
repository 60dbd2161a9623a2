"""Guards: objects that hookline neither changes nor deletes, with the reason."""

from collections.abc import Mapping
from typing import Any

from hookline.applying.object_name import ObjectName
from hookline.labels import MANAGED_BY

__all__ = ["KEPT", "ORPHANING", "why_not_deleted", "why_not_touched"]

KEPT = {
    "PersistentVolumeClaim": "it holds data",
    "Secret": "it may be the only copy",
    "Namespace": "it holds other objects",
}
"""Kinds that are never deleted, with the reason."""

ORPHANING = frozenset({"CronWorkflow"})
"""Kinds whose objects are deleted without what they own: Argo makes a CronWorkflow the owner of its runs (argo-workflows
workflow/common/convert.go), and those under way would end."""

_ARGO_CD = "argocd.argoproj.io/tracking-id"
_FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")


def why_not_touched(live: Mapping[str, Any]) -> str | None:
    """Reason for which an object of the cluster is somebody else's; None if hookline made it and nobody else tracks it.

    Argo CD's default is to track by annotation, Flux's by labels; what we changed there, they would change back.
    """
    metadata = live["metadata"]
    labels = metadata.get("labels") or {}
    if _ARGO_CD in (metadata.get("annotations") or {}):
        return "Argo CD tracks it; change the repository that Argo CD reads"
    if any(label in labels for label in _FLUX):
        return "Flux tracks it; change the repository that Flux reads"
    if (manager := labels.get(MANAGED_BY)) != "hookline":
        by = f"{manager} manages it" if manager else f"it has no label {MANAGED_BY}: hookline"
        return f"hookline did not make it: {by}; rename it, or delete it first"
    return None


def why_not_deleted(name: ObjectName, live: Mapping[str, Any]) -> str | None:
    """Reason for which an object stays that the declaration no longer has; None if it may be deleted."""
    if name.kind in KEPT:
        return f"a {name.kind} is never deleted: {KEPT[name.kind]}"
    return why_not_touched(live)
