"""Coinciding: whether two schedules may fire in one minute."""

import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from events.cron import CronSchedule

__all__ = ["may_coincide"]

_DAY_MINUTES = 1440
_HOURS = 366 * 24
"""Hours at which the clocks of two zones are compared: a year has every difference that their rules make."""
_FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def may_coincide(one: CronSchedule, its_zone: ZoneInfo, other: CronSchedule, other_zone: ZoneInfo) -> bool:
    """Whether some minute may be a fire time of both.

    Never False where there is such a minute, by the zones' rules of 2026. Of two zones only the times of day are compared, so
    that it can be True for schedules whose days keep them apart.
    """
    if its_zone.key == other_zone.key:
        return bool(one.minutes & other.minutes and one.hours & other.hours and _share_a_day(one, other))
    times = _times(one)
    return any(
        (time - apart) % _DAY_MINUTES in times
        for apart in _minutes_apart(other_zone.key, its_zone.key)
        for time in _times(other)
    )


def _times(schedule: CronSchedule) -> frozenset[int]:
    return frozenset(hour * 60 + minute for hour in schedule.hours for minute in schedule.minutes)


def _share_a_day(one: CronSchedule, other: CronSchedule) -> bool:
    """Whether a day of both comes: each day of a year falls on each day of the week in some year, 29 February too."""
    # 2000 is a leap year; its days stand for every year, with any day of the week.
    for month in one.months & other.months:
        day = datetime.date(2000, month, 1)
        while day.month == month:
            if any(
                one.matches(month, day.day, weekday) and other.matches(month, day.day, weekday)
                for weekday in range(7)
            ):
                return True
            day += datetime.timedelta(days=1)
    return False


def _minutes_apart(one: str, other: str) -> frozenset[int]:
    """How far the first zone's clock is ahead of the second's, in minutes, at any time of a year."""
    return frozenset(
        mine - theirs for mine, theirs in zip(_minutes_ahead(one), _minutes_ahead(other), strict=True)
    )


@lru_cache(maxsize=64)
def _minutes_ahead(zone: str) -> tuple[int, ...]:
    """How far a zone's clock is ahead of UTC, in minutes, at each hour of a year."""
    place = ZoneInfo(zone)
    times = (_FIRST + datetime.timedelta(hours=number) for number in range(_HOURS))
    offsets = (time.astimezone(place).utcoffset() or datetime.timedelta() for time in times)
    return tuple(offset // datetime.timedelta(minutes=1) for offset in offsets)
