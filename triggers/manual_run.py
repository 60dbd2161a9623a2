"""Manual runs: the Workflow that a person starts, and the Workflow that repeats another one."""

import copy
import datetime
from collections.abc import Mapping
from typing import Any

from triggers.words import (
    BECAUSE_ANNOTATION,
    CANCELLED_BECAUSE_ANNOTATION,
    CANCELLED_BY_ANNOTATION,
    FAN_OUT_LABEL,
    PREFIX,
    RERUN_LABEL,
    STARTED_BY_ANNOTATION,
    SUPERSEDED_ANNOTATION,
)
from triggers.workflow import NAME_LENGTH, Workload, filled

__all__ = ["SOURCE", "manual_workflow", "repeated", "run_name"]

SOURCE = "manual"
"""Label hookline.dev/source of a run that no source sent an event for."""

_ARGO = ("workflows.argoproj.io/", "events.argoproj.io/")
"""Labels and annotations that tell of one Workflow alone: its phase, its CronWorkflow, when a Sensor acted."""
_OF_THE_FIRST = frozenset(
    {
        # A run that is repeated did not wait for its event.
        f"{PREFIX}event-id",
        f"{PREFIX}event-time",
        "kubectl.kubernetes.io/last-applied-configuration",
        STARTED_BY_ANNOTATION,
        BECAUSE_ANNOTATION,
        CANCELLED_BY_ANNOTATION,
        CANCELLED_BECAUSE_ANNOTATION,
        SUPERSEDED_ANNOTATION,
        # Nor did a fan-out start it.
        FAN_OUT_LABEL,
    }
)


def run_name(pipeline: str, now: datetime.datetime, suffix: str) -> str:
    """Name of a run that a person starts: pipeline, time in UTC, and two hex digits for runs of the same second."""
    return f"{pipeline[:NAME_LENGTH].rstrip('-')}-{now.astimezone(datetime.UTC):%Y%m%d%H%M%S}{suffix}"


def manual_workflow(
    workload: Workload, name: str, arguments: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """The Workflow of a pipeline that a person starts.

    Args:
        workload: The pipeline's.
        name: Of the Workflow.
        arguments: Parameter → value; others keep the template's default.
        annotations: With their whole names.
    """
    resource = filled(workload, SOURCE, {})
    resource["metadata"] = {"name": name, **resource["metadata"], "annotations": dict(annotations)}
    resource["metadata"]["labels"][f"{PREFIX}event-kind"] = "manual"
    # A person may set a parameter that no event of the pipeline fills.
    resource["spec"]["arguments"]["parameters"] = [
        {"name": each, "value": arguments[each]} for each in workload.template.parameters if each in arguments
    ]
    return resource


def repeated(old: Mapping[str, Any], name: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    """A Workflow that does what another one did: with its spec, its labels and what it says of its event.

    It is labelled as `argo resubmit` would label it (argo-workflows workflow/util/util.go, FormulateResubmitWorkflow), so that nobody takes
    it for the run that the event started.

    Args:
        old: As the API server gives it.
        name: Of the new one.
        annotations: Further ones, with their whole names.
    """
    metadata = old["metadata"]
    spec = copy.deepcopy(dict(old["spec"]))
    for key in ("shutdown", "suspend"):
        spec.pop(key, None)
    return {
        "apiVersion": old["apiVersion"],
        "kind": old["kind"],
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": _kept(metadata.get("labels")) | {RERUN_LABEL: _label_value(metadata["name"])},
            "annotations": _kept(metadata.get("annotations")) | dict(annotations),
        },
        "spec": spec,
    }


def _label_value(name: str) -> str:
    return name[:63].rstrip("-._")


def _kept(marks: Mapping[str, str] | None) -> dict[str, str]:
    return {
        key: value
        for key, value in (marks or {}).items()
        if not key.startswith(_ARGO) and key not in _OF_THE_FIRST
    }
