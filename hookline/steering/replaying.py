"""The runs that one event of the bus starts, made again by a person: which Workflow each is, worked out without the cluster."""

import copy
from collections.abc import Mapping
from typing import Any

from triggers.manual_run import repeated
from triggers.words import BECAUSE_ANNOTATION, FAN_OUT_LABEL, PREFIX, STARTED_BY_ANNOTATION

__all__ = ["again", "as_decided"]

_WAITED = frozenset({f"{PREFIX}event-id", f"{PREFIX}event-time"})
"""From these the exporter counts how long an event waited for its run; this one waited for a person."""


def as_decided(workflow: Mapping[str, Any], by: str, because: str) -> dict[str, Any]:
    """The Workflow that the event starts, under the name that its Sensor gives it, with who asked for it and why.

    Args:
        workflow: As the decision makes it.
        by: The person; empty = not known.
        because: Why; empty = not said.
    """
    found = copy.deepcopy(dict(workflow))
    annotations = found["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key not in _WAITED}
    found["metadata"]["labels"].pop(FAN_OUT_LABEL, None)
    found["metadata"]["annotations"] = {**kept, **_said(by, because)}
    return found


def again(workflow: Mapping[str, Any], name: str, by: str, because: str) -> dict[str, Any]:
    """Another Workflow of the same event, labelled as one that repeats the first."""
    return repeated(workflow, name, _said(by, because))


def _said(by: str, because: str) -> dict[str, str]:
    said = {STARTED_BY_ANNOTATION: by, BECAUSE_ANNOTATION: because}
    return {key: value for key, value in said.items() if value}
