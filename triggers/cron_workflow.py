"""CronWorkflows: schedules that Argo Workflows fires itself, without an event pod."""

import copy
import datetime
from collections.abc import Mapping
from typing import Any, Final

from triggers.workflow import Workload, scheduled

__all__ = ["cron_workflow", "fired"]

_KEPT: Final = 100_000
"""Ended runs that a CronWorkflow leaves: more than there are, because their ttl removes them, as it does those of other events."""


def cron_workflow(
    workload: Workload,
    name: str,
    arguments: Mapping[str, str],
    cron: str,
    timezone: str,
    catch_up_seconds: int | None,
    *,
    suspended: bool,
    lists: bool,
) -> dict[str, Any]:
    """The CronWorkflow of a pipeline.

    Args:
        workload: What it runs.
        name: Of the object: the pipeline's, and another one for each further time.
        arguments: Of its runs, over the pipeline's.
        cron: Five fields.
        timezone: IANA name.
        catch_up_seconds: Run a missed fire time that is at most this old; None = never.
        suspended: Whether it does not fire.
        lists: Whether the release of Argo Workflows reads `schedules`; else `schedule` is written.
    """
    resource = scheduled(workload, "schedule", arguments)
    if suspended and catch_up_seconds is not None:
        cron = _respelled(cron)
    fields: dict[str, Any] = {"schedules": [cron]} if lists else {"schedule": cron}
    if catch_up_seconds is not None:
        fields["startingDeadlineSeconds"] = catch_up_seconds
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": name, "namespace": resource["metadata"]["namespace"]},
        "spec": {
            **fields,
            **({"suspend": True} if suspended else {}),
            "timezone": timezone,
            # The mutex lets runs wait for each other; Forbid would drop the later one.
            "concurrencyPolicy": "Allow",
            "successfulJobsHistoryLimit": _KEPT,
            "failedJobsHistoryLimit": _KEPT,
            "workflowMetadata": {key: resource["metadata"][key] for key in ("labels", "annotations")},
            "workflowSpec": resource["spec"],
        },
    }


def _respelled(cron: str) -> str:
    """The same times in another spelling, with which a suspended CronWorkflow fires.

    Argo notes the text with which it fired last, also of a suspended one, and makes up for nothing once the text is another one
    (argo-workflows workflow/cron/operator.go IsUsingNewSchedule). Otherwise whoever resumes it would start the last missed run.
    """
    minute, _, others = cron.partition(" ")
    return f"{minute},{minute} {others}"


def fired(made: Mapping[str, Any], time: datetime.datetime) -> dict[str, Any]:
    """The Workflow that Argo makes of a CronWorkflow at a fire time (argo-workflows workflow/common/convert.go), but for its owner.

    Args:
        made: The CronWorkflow.
        time: An aware time; its minute counts.
    """
    metadata, spec = made["metadata"], copy.deepcopy(dict(made["spec"]))
    minute = time.astimezone(datetime.UTC).replace(second=0, microsecond=0)
    own = spec["workflowMetadata"]
    return {
        "apiVersion": made["apiVersion"],
        "kind": "Workflow",
        "metadata": {
            "namespace": metadata["namespace"],
            "labels": {"workflows.argoproj.io/cron-workflow": metadata["name"], **own["labels"]},
            "name": f"{metadata['name']}-{int(minute.timestamp())}",
            "annotations": {
                "workflows.argoproj.io/scheduled-time": minute.strftime("%Y-%m-%dT%H:%M:%SZ"),
                **own["annotations"],
            },
        },
        "spec": spec["workflowSpec"],
    }
