"""Schedules as they fire: the written cron moved by this pipeline's spread, and the days on which it does not."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from documents.scalars import parse_date_range
from events.cron import CronSchedule, fire_times, largest_shift, parse_cron, shift_cron, spread_minutes
from events.declaration import Schedule
from triggers.workflow import digest

__all__ = ["FiringSchedule", "firing"]


@dataclass(frozen=True, slots=True)
class FiringSchedule:
    """One time of a pipeline's schedule with everything applied."""

    name: str
    """Of its event or CronWorkflow: the pipeline's, with the schedule's; for further times one that follows from their text."""
    pipeline: str
    declared: Schedule
    written: str
    cron: CronSchedule
    timezone: str
    offset_minutes: int
    excluded: tuple[datetime.date, ...]
    catch_up_seconds: int | None

    @property
    def schedule(self) -> str | None:
        """The schedule's own name."""
        return self.declared.name

    @property
    def branch(self) -> str:
        """The branch to build."""
        return self.declared.branch

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    def fire_times(self, after: datetime.datetime) -> Iterator[tuple[datetime.datetime, bool]]:
        """Coming times in the zone, each with whether its day is excluded."""
        days = set(self.excluded)
        for time in fire_times(self.cron, self.zone, after):
            yield time, time.date() in days

    def next_fire(self, after: datetime.datetime) -> datetime.datetime | None:
        """The next fire time whose day is not excluded; None where there is none until the year 9999."""
        while True:
            time = next(fire_times(self.cron, self.zone, after), None)
            if time is None or time.date() not in self.excluded:
                return time
            # Nothing of an excluded day fires: go on with the last second of the last one in a row.
            day = time.date()
            while day in self.excluded and day < datetime.date.max:
                day += datetime.timedelta(days=1)
            following = datetime.datetime.combine(day, datetime.time(), self.zone)
            after = max(time, following - datetime.timedelta(seconds=1))

    def silence(self, time: datetime.datetime) -> str | None:
        """Reason for which it does not fire in the minute of a time; None if it fires."""
        minute = time.astimezone(datetime.UTC).replace(second=0, microsecond=0)
        before = minute - datetime.timedelta(seconds=1)
        if next(fire_times(self.cron, self.zone, before), None) != minute:
            moved = f" moved by {self.offset_minutes} minutes (spread)" if self.offset_minutes else ""
            return f'"{self.written}"{moved} in {self.timezone} does not name this minute'
        if time.astimezone(self.zone).date() in self.excluded:
            return "except: excludes this day"
        return None


def firing(pipeline: str, schedule: Schedule) -> tuple[FiringSchedule, ...]:
    """Apply spread and exclusions to each time of a schedule; the first time of one without a name has the pipeline's.

    Raises:
        CronError: The spread cannot be said in five cron fields.
    """
    first = pipeline if schedule.name is None else f"{pipeline}-{schedule.name}"
    if len(first) > _LONGEST:
        first = _short(pipeline, first)
    names = [first, *(_short(pipeline, first, at) for at in schedule.at[1:])]
    return tuple(_firing(name, pipeline, at, schedule) for name, at in zip(names, schedule.at, strict=True))


_LONGEST = 52
"""Characters of the name of a CronWorkflow."""


def _short(pipeline: str, *parts: str) -> str:
    return f"{pipeline[:45].rstrip('-')}-{digest(parts, 6)}"


def _firing(name: str, pipeline: str, at: str, schedule: Schedule) -> FiringSchedule:
    written = parse_cron(at)
    offset = 0
    if schedule.spread:
        minutes = schedule.spread // 60
        if largest_shift(written, minutes) < minutes:
            shift_cron(written, largest_shift(written, minutes) + 1)  # raises, and says why
        offset = spread_minutes(pipeline, minutes)
    days: set[datetime.date] = set()
    for text in schedule.except_:
        first, last = parse_date_range(text)
        days |= {first + datetime.timedelta(days=number) for number in range((last - first).days + 1)}
    return FiringSchedule(
        name=name,
        pipeline=pipeline,
        declared=schedule,
        written=at,
        cron=shift_cron(written, offset) if offset else written,
        timezone=schedule.timezone,
        offset_minutes=offset,
        excluded=tuple(sorted(days)),
        catch_up_seconds=schedule.missed.within if schedule.missed else None,
    )
