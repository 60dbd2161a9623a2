"""Simulation: what every pipeline would do about one event, and why."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events.canonical import FROM_REPOSITORIES
from events.delivery import BusEvent, DeliveryError
from hookline.plan.objects import cron_workflow_object
from hookline.plan.planning import Plan
from hookline.plan.schedule_carriers import CRON_WORKFLOW
from sensors.dependencies import Dependency
from sensors.manifests import SensorPlan
from sensors.offline import decide, reached
from sensors.program import reader
from triggers.cron_workflow import fired
from triggers.workflow import pushed

__all__ = ["Result", "Simulation", "simulate"]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer of one pipeline to an event."""

    pipeline: str
    namespace: str
    """Where the pipeline's Workflows are created."""
    verdict: str
    reason: str
    action: str = "drop"
    sensor: str | None = None
    trigger: str | None = None
    workflow: Mapping[str, Any] | None = None
    beside: tuple[Mapping[str, Any], ...] = ()
    """Other objects that the event makes."""
    pushes: str | None = None
    """The image that the run pushes, without tag; empty = it builds and pushes nothing, None = nothing runs, or the template takes no image."""
    cron_workflow: str | None = None
    """The CronWorkflow that starts the run, in place of a Sensor."""
    fan_out: Mapping[str, Any] | None = None
    """The Workflow that starts the run, with others of the event; None = the Sensor creates the run itself."""

    @property
    def publishing(self) -> str:
        """The image that the run pushes, or that it pushes none, in words; empty where that is not known."""
        if self.pushes is None:
            return ""
        return f"builds, pushes {self.pushes}" if self.pushes else "builds, pushes nothing"


@dataclass(frozen=True, slots=True)
class Simulation:
    """The answers of all pipelines to an event."""

    event: Mapping[str, Any]
    """The canonical event; of several pushes in one delivery, one that a pipeline was decided by."""
    unused: tuple[Mapping[str, Any], ...]
    """The other pushes of the delivery that decided nothing: a trigger makes one Workflow of a delivery."""
    results: tuple[Result, ...]
    """Pipelines that the event is about."""
    others: Mapping[str, int]
    """Reason → how many pipelines it keeps out; they listen elsewhere."""

    @property
    def fan_outs(self) -> tuple[Mapping[str, Any], ...]:
        """The fan-outs that start runs, by name."""
        found = {each.fan_out["metadata"]["name"]: each.fan_out for each in self.results if each.fan_out}
        return tuple(each for _, each in sorted(found.items()))


def carriers(plan: Plan, event: BusEvent) -> list[tuple[SensorPlan, Dependency]]:
    """The dependencies that the event reaches, with their Sensors."""
    return [
        (sensor, dependency)
        for sensor in plan.sensors
        for dependency in reached(sensor.dependencies, event.event_source, event.event_name)
    ]


def simulate(plan: Plan, event: BusEvent, files: Sequence[str] | None = None) -> Simulation:
    """Run an event through every dependency that it reaches.

    Args:
        plan: Of the declaration.
        event: As it stands on the bus, with id and time.
        files: The changed files, complete; None = what the payload lists.

    Raises:
        DeliveryError: There are files, and no path filter can look at an event of this kind.
    """
    if event.event_source == CRON_WORKFLOW:
        return _of_cron_workflow(plan, event, files)
    text = event.text()
    reaching = carriers(plan, event)
    listed = {name for _, dependency in reaching for name in dependency.pipelines}
    endpoint = plan.endpoints.get(event.event_name)
    pushes: list[dict[str, Any]] = [{"kind": "schedule" if event.event_source in plan.calendars else "other"}]
    keys: frozenset[str | None] = frozenset()
    if endpoint is not None and endpoint.event_source == event.event_source:
        pushes, keys = reader(endpoint.host, endpoint.name).pushes_and_keys(text)
    if files is not None:
        _check_that_files_matter(plan, event, str(pushes[0].get("kind")), keys)
    # A table without a line for the event can only say REPOSITORY, so it need not be asked.
    asked = [each for each in reaching if not each[1].keys or keys & each[1].keys]
    results: list[Result] = []
    for sensor, dependency in asked:
        results += [
            Result(
                outcome.pipeline,
                plan.workloads[outcome.pipeline].namespace,
                outcome.verdict,
                outcome.reason,
                outcome.action,
                sensor.name,
                dependency.name,
                outcome.workflow,
                outcome.beside,
                pushed(plan.workloads[outcome.pipeline], outcome.workflow) if outcome.workflow else None,
                fan_out=outcome.fan_out,
            )
            for outcome in decide(dependency, event.context, text, files)
        ]
    about = {result.pipeline for result in results}
    passed_over = sorted(
        route.pipeline
        for route in plan.routes
        if route.source.name == event.event_name and route.key in keys and route.pipeline not in about
    )
    if len(pushes) > 1:
        results += [
            Result(pipeline, plan.workloads[pipeline].namespace, "skip", "ANOTHER_PUSH")
            for pipeline in passed_over
        ]
        about.update(passed_over)
        results += _left(plan, asked, text)
    used = [
        push
        for _, each in (asked if len(pushes) > 1 else [])
        if each.program is not None
        for push in each.program.used(text)
    ]
    shown = used[0] if used else pushes[0]
    others = {"REPOSITORY": len(listed - about), "SOURCE": len(plan.workloads.keys() - listed)}
    return Simulation(
        shown,
        tuple(each for each in pushes if each not in (shown, *used)),
        tuple(sorted(results, key=lambda result: (result.pipeline, result.reason == "ANOTHER_PUSH"))),
        {reason: count for reason, count in others.items() if count},
    )


def _of_cron_workflow(plan: Plan, event: BusEvent, files: Sequence[str] | None) -> Simulation:
    """The answer at a fire time of a CronWorkflow, which starts its pipeline unless that is suspended."""
    if files is not None:
        _check_that_files_matter(plan, event, "schedule", frozenset())
    pipeline = plan.schedules[event.event_name].pipeline
    load = plan.workloads[pipeline]
    if plan.suspended(pipeline) is not None:
        result = Result(pipeline, load.namespace, "skip", "SUSPENDED", cron_workflow=event.event_name)
    else:
        run = fired(
            cron_workflow_object(plan, event.event_name),
            datetime.datetime.fromisoformat(event.context["time"]),
        )
        result = Result(
            pipeline,
            load.namespace,
            "run",
            "MATCH",
            "run",
            workflow=run,
            pushes=pushed(load, run),
            cron_workflow=event.event_name,
        )
    others = len(plan.workloads) - 1
    return Simulation({"kind": "schedule"}, (), (result,), {"SOURCE": others} if others else {})


def _left(plan: Plan, asked: Sequence[tuple[SensorPlan, Dependency]], text: str) -> Iterator[Result]:
    """The branches and tags of a delivery by which a pipeline would start too, if a trigger made more than one Workflow of it."""
    for _, dependency in asked:
        for pipeline, push in dependency.program.left(text) if dependency.program is not None else ():
            if push["kind"] in FROM_REPOSITORIES:
                yield Result(pipeline, plan.workloads[pipeline].namespace, "skip", "ANOTHER_PUSH")


def _check_that_files_matter(plan: Plan, event: BusEvent, kind: str, keys: frozenset[str | None]) -> None:
    """Refuse a list of files that could change no answer."""
    if kind not in {"push", "pull_request"}:
        raise DeliveryError(
            f"only pushes and requests are decided by their changed files, and this event is of the kind {kind}; leave the list of files out"
        )
    about = [each.events for each in plan.routes if each.source.name == event.event_name and each.key in keys]
    if kind == "pull_request" and not any(each.pull_request and each.pull_request.paths for each in about):
        raise DeliveryError(
            "no pipeline of this repository has paths: under pull_request:, so the files of a request decide nothing; leave the list of files out"
        )


def result_of(simulation: Simulation, plan: Plan, event: BusEvent, pipeline: str) -> Result:
    """The answer of one pipeline to the event, whatever the pipeline listens to."""
    for result in simulation.results:
        if result.pipeline == pipeline:
            return result
    listening = {name for _, dependency in carriers(plan, event) for name in dependency.pipelines}
    reason = "REPOSITORY" if pipeline in listening else "SOURCE"
    return Result(pipeline, plan.workloads[pipeline].namespace, "skip", reason)
