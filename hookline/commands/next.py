"""List the coming fire times of schedules."""

import datetime
import heapq
import itertools
from collections.abc import Iterator
from typing import Any

import click

from events.cron import clock_changes
from hookline.command_line.common import (
    DeclarationArguments,
    declaration_arguments,
    fail,
    output_option,
    print_data,
)
from hookline.command_line.completing import complete_scheduled
from hookline.command_line.event_options import parse_time
from hookline.command_line.strict import StrictCommand
from hookline.output import table
from hookline.plan.planning import Plan
from hookline.plan.schedules import FiringSchedule


@click.command(cls=StrictCommand)
@declaration_arguments
@click.option(
    "--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="Number of fire times."
)
@click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    shell_complete=complete_scheduled,
    help="List only this pipeline; repeatable.",
)
@click.option(
    "--now", callback=parse_time, metavar="TIME", help="List the fire times after this time.  [default: now]"
)
@output_option
def command(
    declared: DeclarationArguments,
    count: int,
    pipelines: tuple[str, ...],
    now: datetime.datetime | None,
    output: str,
) -> None:
    """List the coming fire times of schedules, with time zone, spread, excluded days and clock changes.

    FILE is a file or folder of the declaration, as with -f.

    \b
    Examples:
      hookline next
      hookline next --pipeline shop --count 3 --now 2026-03-28T00:00:00Z
    """
    plan = declared.plan()
    unknown = [name for name in pipelines if name not in plan.scheduled]
    if unknown:
        fail(
            f'pipeline "{unknown[0]}" has no schedule; with a schedule: {", ".join(plan.scheduled) or "none"}'
        )
    after = now or datetime.datetime.now(datetime.UTC)
    chosen = [each for each in plan.schedules.values() if not pipelines or each.pipeline in pipelines]
    times = list(
        itertools.islice(
            heapq.merge(
                *(_times(schedule, after) for schedule in chosen),
                key=lambda each: (each[0], each[1].pipeline),
            ),
            count,
        )
    )
    rows = [_row(time, schedule, excluded) for time, schedule, excluded in times]
    namespaces = [plan.workloads[schedule.pipeline].namespace for _, schedule, _ in times]
    if output != "table":
        silent = [_silent(plan, schedule, time) for time, schedule, _ in times]
        keys = ("pipeline", "fires", "utc", "timezone", "offsetMinutes", "excluded", "schedule")
        items = [
            {**dict(zip(keys, row, strict=True)), "namespace": namespace, "suspended": suspended}
            for row, namespace, suspended in zip(rows, namespaces, silent, strict=True)
        ]
        notes = [] if not times else _notes(chosen, after, times[-1][0])
        print_data(
            {"apiVersion": "hookline.dev/v1", "kind": "FireTimes", "items": items, "clockChanges": notes},
            output,
        )
        return
    if not rows:
        click.echo("no pipeline has a schedule")
        return
    places = len(plan.namespaces) > 1
    shown = [
        (
            f"{row[0]}/{row[6]}" if row[6] else str(row[0]),
            *((namespace,) if places else ()),
            str(row[1]),
            str(row[2]),
            str(row[3]),
            f"+{row[4]}m" if row[4] else "",
            "excluded: does not fire"
            if row[5]
            else "suspended: starts nothing"
            if _silent(plan, schedule, time)
            else "",
        )
        for row, namespace, (time, schedule, _) in zip(rows, namespaces, times, strict=True)
    ]
    head = ("PIPELINE", *(("NAMESPACE",) if places else ()), "FIRES", "UTC", "ZONE", "SPREAD", "NOTE")
    click.echo(table(head, shown), nl=False)
    for note in _notes(chosen, after, times[-1][0]):
        click.echo(
            f"{note['pipeline']}: on {note['date']} the clocks change in {note['timezone']}: {', '.join(note['times'])} {note['effect']}"
        )


def _silent(plan: Plan, schedule: FiringSchedule, time: datetime.datetime) -> bool:
    """Whether the pipeline of a schedule is suspended at a time."""
    suspended = plan.suspended(schedule.pipeline)
    return suspended is True or (suspended is not None and time.timestamp() < suspended)


def _times(
    schedule: FiringSchedule, after: datetime.datetime
) -> Iterator[tuple[datetime.datetime, FiringSchedule, bool]]:
    for time, excluded in schedule.fire_times(after):
        yield time, schedule, excluded


def _row(
    time: datetime.datetime, schedule: FiringSchedule, excluded: bool
) -> tuple[str, str, str, str, int, bool, str | None]:
    return (
        schedule.pipeline,
        time.strftime("%a %Y-%m-%d %H:%M %z"),
        time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ"),
        schedule.timezone,
        schedule.offset_minutes,
        excluded,
        schedule.schedule,
    )


def _notes(
    schedules: list[FiringSchedule], after: datetime.datetime, until: datetime.datetime
) -> list[dict[str, Any]]:
    effects = {"skipped": "does not exist, so it does not fire", "twice": "comes twice, so it fires twice"}
    return [
        {
            "pipeline": schedule.pipeline,
            "date": change.date.isoformat(),
            "timezone": schedule.timezone,
            "times": list(change.times),
            "effect": effects[change.effect],
        }
        for schedule in schedules
        for change in clock_changes(schedule.cron, schedule.zone, after, until)
    ]
