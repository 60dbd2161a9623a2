"""Checking: the first pass over a declaration. It makes the checks that need facts outside the file: what the host sends, the template takes, the platform allows."""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass

from documents.diagnostics import Diagnostic, Problems
from events.cron import CronError
from events.eventsource import Endpoint, endpoints
from hookline.declaration.loading import Declaration, DeclaredPipeline
from hookline.plan.checks import check_declaration
from hookline.plan.controller_checks import check_controller
from hookline.plan.double_builds import check_double_builds
from hookline.plan.event_checks import check_names
from hookline.plan.exporter_checks import check_exporter
from hookline.plan.fan_out_checks import check_fan_out
from hookline.plan.fire_times import LabelledSchedule
from hookline.plan.pipeline_checks import check_pipeline
from hookline.plan.publishing import settings
from hookline.plan.publishing_checks import check_overwritten, check_publishing
from hookline.plan.schedule_carriers import TimedPipeline, on_calendar
from hookline.plan.schedules import FiringSchedule, firing
from hookline.plan.source_checks import check_catch_up
from triggers.declaration import Run
from triggers.stock import StockTemplates
from triggers.template import Template

__all__ = ["Checked", "CheckedPipeline", "check"]


@dataclass(frozen=True, slots=True)
class CheckedPipeline:
    """A pipeline that can be built, with what the checks found out about it."""

    declared: DeclaredPipeline
    run: Run
    """Its settings; empty where it says none."""
    template: Template
    schedules: tuple[FiringSchedule, ...]

    @property
    def timed(self) -> TimedPipeline:
        """Its schedules, with what decides who fires them."""
        suspension = self.declared.pipeline.suspended
        return TimedPipeline(
            suspension is not None and suspension.until is not None,
            self.schedules,
            {
                each.name: settings("schedule", each.declared, self.template).arguments(self.template)
                for each in self.schedules
            },
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """A declaration in which nothing is refused: planning it cannot fail."""

    declaration: Declaration
    endpoints: Mapping[str, Endpoint]
    pipelines: tuple[CheckedPipeline, ...]
    """Pipelines in the order of their names."""
    on_calendar: Mapping[str, str]
    """Schedules that the calendar event source fires, by the name of their event → why it does."""
    exporter_files: Mapping[str, str]
    """Name → content: the files of settings that the exporter's pod gets."""
    controller_settings: str
    """Settings of the controller's pod; empty without a controller."""
    given: Mapping[str, Template]
    """Templates by name that neither the declaration nor hookline has: those of --template and of a cluster."""
    warnings: tuple[Diagnostic, ...]


def check(declaration: Declaration, templates: Mapping[str, Template]) -> Checked:
    """Check a declaration.

    Args:
        declaration: The files, each right by itself.
        templates: Capabilities by name that override or add to those of the declaration and the stock ones.

    Raises:
        InvalidInput: With every problem, each with its position.
    """
    restricted = declaration.cluster.template_referencing is not None
    known = ChainMap(dict(templates), dict(declaration.templates), StockTemplates(restricted=restricted))  # type: ignore[arg-type]  # nothing writes to it
    problems = Problems()
    found_endpoints = endpoints(
        {name: each.source for name, each in declaration.sources.items()}, declaration.cluster.name
    )
    check_declaration(declaration, known, found_endpoints, problems)
    pipelines: list[CheckedPipeline] = []
    names = dict.fromkeys(declaration.pipelines, "a pipeline")
    for declared in declaration.pipelines.values():
        run = declared.run
        template = check_pipeline(declaration, declared, run, known, found_endpoints, problems)
        schedules = _schedules(declared, names, problems)
        if template is not None:
            source = declared.pipeline.repository.source
            check_names(declared, template, found_endpoints.get(source or ""), problems)
            check_publishing(declared, template, problems)
            pipelines.append(CheckedPipeline(declared, run, template, schedules))
    usable = [(each.declared, each.template) for each in pipelines]
    check_overwritten(declaration, usable, problems)
    check_double_builds(usable, problems)
    calendar = on_calendar(declaration.cluster, (each.timed for each in pipelines))
    for each in pipelines:
        check_catch_up(each.declared, each.schedules, calendar, problems)
    namespaces = {declaration.namespace_of(each.pipeline) for each in declaration.pipelines.values()}
    timed = [
        LabelledSchedule(
            (declaration.namespace_of(each.declared.pipeline), each.declared.owner or "", each.declared.name),
            schedule,
        )
        for each in pipelines
        for schedule in each.schedules
    ]
    exporter_files = check_exporter(declaration, found_endpoints, namespaces, timed, problems)
    controller_settings = check_controller(declaration, problems)
    check_fan_out(declaration, found_endpoints, problems)
    problems.errors[:] = declaration.shared.told_once(problems.errors)
    problems.warnings[:] = declaration.shared.told_once(problems.warnings)
    problems.raise_errors()
    return Checked(
        declaration,
        found_endpoints,
        tuple(pipelines),
        calendar,
        exporter_files,
        controller_settings,
        dict(templates),
        tuple(problems.warnings),
    )


def _schedules(
    declared: DeclaredPipeline, names: dict[str, str], problems: Problems
) -> tuple[FiringSchedule, ...]:
    """The schedules of a pipeline.

    Args:
        declared: The pipeline.
        names: What has a name that no further event may have; those of this pipeline's events are added.
        problems: Takes what is found.
    """
    found: list[FiringSchedule] = []
    for path, schedule in declared.schedules():
        try:
            times = firing(declared.name, schedule)
        except CronError as error:
            problems.error(declared.position(*path, "spread"), str(error), declared.field(*path, "spread"))
            continue
        for each in times:
            if each.name == declared.name:  # the event has the pipeline's own name
                continue
            if each.name in names:
                problems.error(
                    declared.position(*path, "at"),
                    f'the event of "{each.written}" would have the name {each.name}, which {names[each.name]} has; rename that, or the schedule',
                    declared.field(*path, "at"),
                )
            names[each.name] = f"a schedule of {declared.name}"
        found += times
    return tuple(found)
