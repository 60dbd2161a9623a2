"""Cron schedules of five fields, as Go's robfig/cron v3 reads and fires them.

Both engines use it: the calendar event source (argo-events pkg/eventsources/sources/calendar/start.go) and
CronWorkflows. They fire at every absolute minute whose wall clock in the zone matches: a time in the hour that
spring skips never fires, one in the hour that autumn repeats fires twice (robfig/cron spec.go, doc.go). On the day of
the change itself robfig departs from this in zones that change by half an hour or around midnight
(Australia/Lord_Howe, Africa/Cairo, America/Santiago, America/Havana): it may leave fire times out, or add one on a day
that does not match. Across a day that a zone left out (Pacific/Apia, 30 December 2011) its search never returns.
"""

import datetime
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

__all__ = [
    "ClockChange",
    "CronError",
    "CronSchedule",
    "clock_changes",
    "fire_times",
    "largest_shift",
    "parse_cron",
    "shift_cron",
    "spread_minutes",
]

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST_MONTH = dict.fromkeys(range(1, 13), 31) | {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_DAY_MINUTES = 1440
_MINUTE = datetime.timedelta(minutes=1)
_LONGEST_TEXT = 200
_LONGEST_NUMBER = 4  # digits; robfig reads numbers with strconv.Atoi, which refuses what int64 cannot hold
_FIVE = "expected five fields: minute, hour, day of month, month, day of week"


class CronError(ValueError):
    """A schedule that is not one; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """The fire times of a schedule, in wall-clock time of the zone with which it is used."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days_of_month: frozenset[int]
    months: frozenset[int]
    days_of_week: frozenset[int]
    """0 is Sunday."""
    any_day_of_month: bool
    """Written with * or ?: then both day fields must match, otherwise one is enough."""
    any_day_of_week: bool

    def on(self, day: datetime.date) -> bool:
        """Whether it fires on a day."""
        return self.matches(day.month, day.day, day.isoweekday() % 7)

    def matches(self, month: int, day: int, weekday: int) -> bool:
        """Whether it fires on such a day; Sunday is 0."""
        if month not in self.months:
            return False
        of_month = day in self.days_of_month
        of_week = weekday in self.days_of_week
        if self.any_day_of_month or self.any_day_of_week:
            return of_month and of_week
        return of_month or of_week


def parse_cron(text: str) -> CronSchedule:
    """Read five fields.

    Raises:
        CronError: They are not five, not in range, or name dates that never come.
    """
    if len(text) > _LONGEST_TEXT:
        raise CronError(f"a schedule has at most {_LONGEST_TEXT} characters")
    fields = text.split()
    if fields and fields[0] in _DESCRIPTORS:
        raise CronError(f'{fields[0]} is refused; write "{_DESCRIPTORS[fields[0]]}"')
    if text.startswith("@"):
        same = _same_as_every(text)
        raise CronError(f"{fields[0]} is refused; " + (f'write "{same}"' if same else _FIVE))
    if text.startswith(("TZ=", "CRON_TZ=")):
        raise CronError("the time zone has a key of its own: timezone:")
    if len(fields) != 5:
        six = "; seconds are not supported" if len(fields) == 6 else ""
        raise CronError(f"{len(fields)} fields given; {_FIVE}{six}")
    sets, stars = zip(
        *(_field(field, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True)), strict=True
    )
    schedule = CronSchedule(" ".join(fields), sets[0], sets[1], sets[2], sets[3], sets[4], stars[2], stars[4])
    possible = any(
        day <= _LONGEST_MONTH[month] for day in schedule.days_of_month for month in schedule.months
    )
    if not possible and (stars[2] or stars[4]):
        raise CronError(f'"{schedule.text}" names dates that never come')
    return schedule


def _same_as_every(text: str) -> str | None:
    """Five fields at the same distance as `@every 15m` or `@every 2h`, where that divides an hour or a day."""
    match = re.fullmatch(r"@every ([1-9][0-9]?)([mh])", text, re.ASCII)
    if not match:
        return None
    number, unit = int(match[1]), match[2]
    if (60 if unit == "m" else 24) % number:
        return None
    step = "*" if number == 1 else f"*/{number}"
    if unit == "m":
        return "0 * * * *" if number == 60 else f"{step} * * * *"
    return "0 0 * * *" if number == 24 else f"0 {step} * * *"


def _field(
    field: str, name: str, low: int, high: int, names: Mapping[str, int]
) -> tuple[frozenset[int], bool]:
    values: set[int] = set()
    star = False
    for item in field.split(","):
        match = re.fullmatch(
            r"(?:(?P<any>[*?])|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]+))?", item, re.ASCII
        )
        if not match:
            raise CronError(f'{name}: "{item}" is not a value, range (a-b), list (a,b) or step (*/n)')
        if match["any"]:
            first, last = low, high
            # robfig drops the star of a step: */2 in a day field restricts the days.
            star = star or match["step"] is None or int(match["step"]) <= 1
        else:
            first = _number(match["first"], name, low, high, names)
            last = _number(match["last"], name, low, high, names) if match["last"] else first
            if match["step"] and not match["last"]:
                last = high
            if last < first:
                raise CronError(
                    f"{name}: the range {match['first']}-{match['last']} ends before it starts; "
                    "write the lower value first, or two ranges with a comma"
                )
        step = int(match["step"] or 1)
        if step == 0:
            raise CronError(f"{name}: a step of 0 never moves on; a step is 1 or more")
        if len(match["step"] or "") > _LONGEST_NUMBER:
            raise CronError(f"{name}: a step has at most {_LONGEST_NUMBER} digits, as in */15")
        values.update(range(first, last + 1, step))
    return frozenset(values), star


def _number(text: str, name: str, low: int, high: int, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not text.isdigit() or len(text) > _LONGEST_NUMBER or not low <= int(text) <= high:
        hint = "; Sunday is 0" if name == "day of week" and text == "7" else ""
        also = f" or {next(iter(names))}-{list(names)[-1]}" if names else ""
        raise CronError(f"{name}: {text} is not {low}-{high}{also}{hint}")
    return int(text)


def _local_days(first: datetime.date) -> Iterator[datetime.date]:
    """The days from `first` on; the last two that a date can name have no next day to compare with."""
    for number in range(first.toordinal(), datetime.date.max.toordinal() - 1):
        yield datetime.date.fromordinal(number)


def _clock_changes_on(day: datetime.date, zone: ZoneInfo) -> bool:
    """Whether the offset from UTC changes on a day, or across one of its midnights."""
    midnights = (datetime.datetime.combine(day + datetime.timedelta(days=n), datetime.time()) for n in (0, 1))
    offsets = {
        midnight.replace(fold=fold, tzinfo=zone).utcoffset() for midnight in midnights for fold in (0, 1)
    }
    return len(offsets) > 1


def _instants(day: datetime.date, hour: int, minute: int, zone: ZoneInfo) -> Iterator[datetime.datetime]:
    """The absolute times whose wall clock in the zone is this: none, one or two."""
    seen: set[datetime.datetime] = set()
    for fold in (0, 1):
        local = datetime.datetime(day.year, day.month, day.day, hour, minute, fold=fold, tzinfo=zone)
        absolute = local.astimezone(datetime.UTC)
        back = absolute.astimezone(zone)
        if back.replace(tzinfo=None) == local.replace(tzinfo=None) and absolute not in seen:
            seen.add(absolute)
            yield back


def _fires_on(
    schedule: CronSchedule, day: datetime.date, zone: ZoneInfo, begin: datetime.datetime
) -> list[tuple[datetime.datetime, datetime.datetime]]:
    """The fire times that the wall clock puts on a day, as UTC and in the zone, in order of the wall clock.

    Args:
        schedule: What fires.
        day: A day of the zone.
        zone: Whose wall clock it follows.
        begin: A time in UTC; every fire time is later.
    """
    times = [(hour, minute) for hour in sorted(schedule.hours) for minute in sorted(schedule.minutes)]
    if _clock_changes_on(day, zone):
        fires = (time for hour, minute in times for time in _instants(day, hour, minute, zone))
    else:
        # Times that have passed are left out before they are made: a day of every minute has 1,440.
        midnight = datetime.datetime(day.year, day.month, day.day, tzinfo=zone)
        offset = midnight.utcoffset() or datetime.timedelta()
        passed = (begin.replace(tzinfo=None) - midnight.replace(tzinfo=None) + offset) // _MINUTE
        fires = (
            midnight.replace(hour=hour, minute=minute)
            for hour, minute in times
            if hour * 60 + minute > passed
        )
    pairs = ((time.astimezone(datetime.UTC), time) for time in fires)
    return [(absolute, time) for absolute, time in pairs if absolute > begin]


def fire_times(
    schedule: CronSchedule, zone: ZoneInfo, after: datetime.datetime
) -> Iterator[datetime.datetime]:
    """Coming fire times.

    Args:
        schedule: What fires.
        zone: Whose wall clock it follows.
        after: An aware time; every yielded time is later.

    Yields:
        Aware times in the zone, in order, until the end of the year 9999.
    """
    begin = after.astimezone(datetime.UTC)
    # A clock that goes back across midnight repeats the end of the day before, so that day is not over yet.
    yesterday = after.astimezone(zone).date() - datetime.timedelta(days=1)
    waiting: list[tuple[datetime.datetime, datetime.datetime]] = []
    for day in _local_days(yesterday):
        if schedule.on(day):
            waiting = sorted(waiting + _fires_on(schedule, day, zone, begin), key=lambda fire: fire[0])
        if not waiting:
            continue
        following = day + datetime.timedelta(days=1)
        midnight = datetime.datetime(following.year, following.month, following.day, tzinfo=zone)
        settled = midnight.astimezone(datetime.UTC)
        yield from (time for absolute, time in waiting if absolute < settled)
        waiting = [fire for fire in waiting if fire[0] >= settled]


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A day on which the clocks change some fire times."""

    date: datetime.date
    times: tuple[str, ...]
    """Local times, HH:MM."""
    effect: Literal["skipped", "twice"]


def clock_changes(
    schedule: CronSchedule, zone: ZoneInfo, after: datetime.datetime, until: datetime.datetime
) -> list[ClockChange]:
    """Days on which fire times of the schedule are skipped or come twice.

    Args:
        schedule: What fires.
        zone: Whose wall clock it follows.
        after: An aware time; its day in the zone is the first that counts, whole.
        until: An aware time; its day in the zone is the last that counts, whole.
    """
    found: list[ClockChange] = []
    for day in _local_days(after.astimezone(zone).date()):
        if day > until.astimezone(zone).date():
            break
        if not schedule.on(day) or not _clock_changes_on(day, zone):
            continue
        counts = {
            f"{hour:02}:{minute:02}": len(list(_instants(day, hour, minute, zone)))
            for hour in sorted(schedule.hours)
            for minute in sorted(schedule.minutes)
        }
        for effect, wanted in (("skipped", 0), ("twice", 2)):
            if times := tuple(time for time, count in counts.items() if count == wanted):
                found.append(ClockChange(day, times, "skipped" if effect == "skipped" else "twice"))
    return found


def shift_cron(schedule: CronSchedule, minutes: int) -> CronSchedule:
    """The schedule whose every fire time is `minutes` (0 to 1439) later by the wall clock.

    Raises:
        CronError: Five fields cannot say that.
    """
    if not 0 <= minutes < _DAY_MINUTES:
        raise CronError("a schedule moves by less than a day")
    if minutes == 0:
        return schedule
    moved = [hour * 60 + minute + minutes for hour in schedule.hours for minute in schedule.minutes]
    over = {time >= _DAY_MINUTES for time in moved}
    new_minutes = frozenset(time % 60 for time in moved)
    new_hours = frozenset(time // 60 % 24 for time in moved)
    every_day = len(schedule.months) == 12 and _every_day(schedule)
    advice = "use a smaller spread, or another time"
    if len(new_minutes) * len(new_hours) != len({time % _DAY_MINUTES for time in moved}):
        raise CronError(
            f'"{schedule.text}" cannot be moved by {minutes} minutes within five fields; {advice}'
        )
    days = schedule.days_of_week
    if True in over and not every_day:
        if over == {True, False} or not schedule.any_day_of_month or len(schedule.months) != 12:
            raise CronError(
                f'"{schedule.text}" moved by {minutes} minutes would fall on another day; {advice}'
            )
        days = frozenset((day + 1) % 7 for day in days)
    fields = schedule.text.split()
    fields[0], fields[1] = _written(new_minutes, 60), _written(new_hours, 24)
    if days != schedule.days_of_week:
        fields[4] = _written(days, 7)
    text = " ".join(fields)
    if len(text) > _LONGEST_TEXT:
        raise CronError(
            f'"{schedule.text}" moved by {minutes} minutes takes more than {_LONGEST_TEXT} characters; {advice}'
        )
    return parse_cron(text)


def _every_day(schedule: CronSchedule) -> bool:
    """Whether the day fields let every day of their months pass, however they are written."""
    of_month, of_week = len(schedule.days_of_month) == 31, len(schedule.days_of_week) == 7
    if schedule.any_day_of_month or schedule.any_day_of_week:
        return of_month and of_week
    return of_month or of_week


def _written(values: frozenset[int], size: int) -> str:
    """A field that has these values; runs of three and more as ranges, so that the text stays short."""
    if len(values) == size:
        return "*"
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(str(value) for value in run) for run in runs
    )


@lru_cache(maxsize=1024)  # many pipelines fire at the same time and spread over the same span
def largest_shift(schedule: CronSchedule, limit: int) -> int:
    """The greatest number of minutes, at most `limit`, such that every smaller shift can be said too."""
    for minutes in range(1, limit + 1):
        try:
            shift_cron(schedule, minutes)
        except CronError:
            return minutes - 1
    return limit


def spread_minutes(name: str, spread: int) -> int:
    """A stable offset in minutes, from 0 to `spread`: it follows from the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % (spread + 1)
