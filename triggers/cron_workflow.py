"""CronWorkflows: schedules that Argo Workflows fires itself, without an event pod."""

from collections.abc import Mapping
from typing import Any

from triggers.workflow import Workload, scheduled

__all__ = ["cron_workflow"]


def cron_workflow(
    workload: Workload,
    name: str,
    arguments: Mapping[str, str],
    cron: str,
    timezone: str,
    catch_up_seconds: int | None,
    *,
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
        lists: Whether the release of Argo Workflows reads `schedules`; else `schedule` is written.
    """
    resource = scheduled(workload, "schedule", arguments)
    fields: dict[str, Any] = {"schedules": [cron]} if lists else {"schedule": cron}
    if catch_up_seconds is not None:
        fields["startingDeadlineSeconds"] = catch_up_seconds
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": name, "namespace": resource["metadata"]["namespace"]},
        "spec": {
            **fields,
            "timezone": timezone,
            # The mutex lets runs wait for each other; Forbid would drop the later one.
            "concurrencyPolicy": "Allow",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "workflowMetadata": {key: resource["metadata"][key] for key in ("labels", "annotations")},
            "workflowSpec": resource["spec"],
        },
    }
