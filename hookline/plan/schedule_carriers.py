"""Carriers of schedules: which of them CronWorkflows fire, which need the calendar event source, and why.

A CronWorkflow costs no pod. The calendar has what CronWorkflows lack: days on which nothing fires, a suspension that ends by
itself, and one run for two times that come in one minute, because the Sensor names a run after the minute.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from events.coinciding import may_coincide
from hookline.declaration.model import Cluster
from hookline.plan.schedules import FiringSchedule

__all__ = ["ASKED", "CRON_WORKFLOW", "NEEDS", "TimedPipeline", "cron_workflows_alone", "on_calendar"]

CRON_WORKFLOW: Final = "CronWorkflow"
"""Name in place of an event source where a CronWorkflow fires; no EventSource can have it."""

ASKED: Final = "cluster.schedules: calendar"
EXCEPT: Final = "except"
UNTIL: Final = "suspended.until"
ONE_RUN: Final = "one run for two times in one minute"
NEEDS: Final = (EXCEPT, UNTIL, ONE_RUN)
"""Reasons for which the calendar fires a schedule where nobody asked for it."""


@dataclass(frozen=True, slots=True)
class TimedPipeline:
    """The schedules of a pipeline, with what decides who fires them."""

    ends: bool
    """Whether the pipeline is suspended until a time."""
    schedules: tuple[FiringSchedule, ...]
    arguments: Mapping[str, Mapping[str, str]]
    """Name of a schedule → the arguments of its runs."""


def cron_workflows_alone(cluster: Cluster) -> bool:
    """Whether no calendar may fire a schedule: it was ruled out, or the platform does not document it."""
    return (
        cluster.schedules or ("cron_workflow" if cluster.platform == "ack-one" else "")
    ) == "cron_workflow"


def on_calendar(cluster: Cluster, pipelines: Iterable[TimedPipeline]) -> dict[str, str]:
    """Name of each schedule that the calendar event source fires → why it does; CronWorkflows fire the others."""
    if cron_workflows_alone(cluster):
        return {}
    if cluster.schedules == "calendar":
        return {each.name: ASKED for pipeline in pipelines for each in pipeline.schedules}
    return {name: why for pipeline in pipelines for name, why in _needs(pipeline)}


def _needs(pipeline: TimedPipeline) -> Iterator[tuple[str, str]]:
    coinciding = _coinciding(pipeline)
    for each in pipeline.schedules:
        if each.excluded:
            yield each.name, EXCEPT
        elif pipeline.ends:
            yield each.name, UNTIL
        elif each.name in coinciding:
            yield each.name, ONE_RUN


def _coinciding(pipeline: TimedPipeline) -> set[str]:
    """The schedules that may fire in the minute of another one that starts the same run."""
    found: set[str] = set()
    for one, other in combinations(pipeline.schedules, 2):
        if pipeline.arguments[one.name] == pipeline.arguments[other.name] and may_coincide(
            one.cron, one.zone, other.cron, other.zone
        ):
            found |= {one.name, other.name}
    return found
