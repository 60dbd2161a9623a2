"""A shipped template as a cluster gets it: images pinned and perhaps from a mirror, its scope, and a stamp that says what it is."""

from collections.abc import Mapping
from typing import Any

from triggers.inspection.normal_form import STAMP, digest, normal_form
from triggers.shipped import IMAGES, shipped

__all__ = ["DESCRIPTIONS", "published"]

DESCRIPTIONS: Mapping[str, str] = {
    "ci-go-v1": "Builds the head of a branch. For clusters that lack Alibaba Cloud's preset; it keeps the preset's contract.",
    "hookline-ci-go": "Builds exactly the commit of an event: branches, tags, pull requests. With retries and cache numbers.",
}
"""Shipped template → its one line."""


def published(
    name: str,
    version: str,
    images: Mapping[str, str] = IMAGES,
    *,
    artifacts: bool = False,
    restricted: bool = False,
    namespaced: bool = False,
    namespace: str = "",
) -> dict[str, Any]:
    """The manifest to apply.

    Args:
        name: One of `shipped_names`.
        version: Of hookline, for the stamp.
        images: Image references by the names of IMAGES.
        artifacts: Whether steps keep files in the cluster's artifact repository.
        restricted: Whether it is in the form for templateReferencing.
        namespaced: Whether it is a WorkflowTemplate of one namespace.
        namespace: Which; empty = the one that it is applied to.

    Raises:
        KeyError: There is no such template.
    """
    made = shipped(name, images, artifacts=artifacts, restricted=restricted)
    metadata = dict(made["metadata"])
    if namespaced and namespace:
        metadata["namespace"] = namespace
    metadata["annotations"] = {
        **metadata.get("annotations", {}),
        STAMP["template"]: name,
        STAMP["version"]: version,
        STAMP["digest"]: digest(normal_form(made)),
    }
    kind = "WorkflowTemplate" if namespaced else made["kind"]
    return {"apiVersion": made["apiVersion"], "kind": kind, "metadata": metadata, "spec": made["spec"]}
