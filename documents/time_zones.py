"""Time zones as people write them: a name of the IANA database, or an answer that says which name to write."""

import datetime
import difflib
import re
import zoneinfo
from collections.abc import Iterable
from functools import cache

__all__ = ["check_timezone"]

_WELL_KNOWN = (
    "Asia/Shanghai", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "America/Chicago", "America/Los_Angeles", "Asia/Singapore",
    "Asia/Kolkata", "America/Denver", "Australia/Sydney", "America/Sao_Paulo", "Europe/Paris", "Europe/Moscow", "Asia/Dubai", "Asia/Seoul",
    "America/Bogota", "America/Mexico_City", "America/Phoenix", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Halifax", "America/Anchorage", "Pacific/Honolulu", "Pacific/Auckland",
    "Australia/Adelaide", "Australia/Brisbane", "Asia/Karachi", "Asia/Dhaka", "Asia/Bangkok", "Europe/Helsinki", "Europe/Lisbon",
)  # fmt: skip
"""Zones of many people, the likely ones first; they only order an answer."""

_OTHER_CITIES = {"beijing": "Asia/Shanghai"}
"""Cities whose zone people write by their name, and the database by another."""

_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*([+-])\s*(\d{1,2})(?::?([0-5]\d))?", re.ASCII | re.IGNORECASE)
_OF_UTC = {"utc", "uct", "z", "zulu", "universal", "gmt", "greenwich", "gmt0", "etc/utc", "etc/gmt"}
_EXPECTED = "expected an IANA time zone such as Asia/Shanghai, or UTC; abbreviations and offsets are refused"
_MONTHS = tuple(datetime.datetime(2026, month, 1, 12, tzinfo=datetime.UTC) for month in range(1, 13))
"""Times at which zones are compared: by the rules of today."""


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def check_timezone(value: str) -> str:
    """A name of the IANA database with a slash, or UTC.

    Abbreviations and offsets are refused: CST is three zones, the sign of Etc/GMT-8 is not what it seems to be, and
    engines have stopped firing on abbreviations (argoproj/argo-workflows #15653).
    """
    if value == "UTC" or value in _regions():
        return value
    raise ValueError(_EXPECTED + _advice(value.strip()))


@cache
def _regions() -> frozenset[str]:
    return frozenset(
        zone
        for zone in _zones()
        if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/", "SystemV/"))
    )


def _advice(value: str) -> str:
    """The name to write instead; empty if no zone has a similar name."""
    folded = value.casefold().replace(" ", "_")
    region = folded.removeprefix("posix/").removeprefix("right/")
    if folded in _OF_UTC:
        return "; write UTC"
    if same := [zone for zone in _regions() if zone.casefold() == region]:
        return f"; did you mean {same[0]}?"
    if value.startswith("Etc/") and value in _zones():
        offset = _offsets(value)[0]
        return f"; {value} is UTC{_written(offset)}" + _at_offset(offset)
    if match := _OFFSET.fullmatch(value):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        offset = datetime.timedelta(minutes=-minutes if match[1] == "-" else minutes)
        return _at_offset(offset)
    if named := _ordered(zone for zone in _regions() if value.upper() in _abbreviations(zone)):
        if len(set(map(_offsets, named))) > 1:
            return f"; {value.upper()} is an abbreviation of several zones, such as {_choice(named)}: write one of them"
        return f"; {value.upper()} is an abbreviation: write {_choice(named)}"
    if value in _zones():
        same_clock = _ordered(
            zone
            for zone in _regions()
            if (_offsets(zone), _abbreviations(zone)) == (_offsets(value), _abbreviations(value))
        )
        return f"; write {same_clock[0]}" if same_clock else ""
    ends = {zone.rsplit("/", 1)[-1].casefold(): zone for zone in sorted(_regions(), reverse=True)}
    city = region.rsplit("/", 1)[-1]
    near = _OTHER_CITIES.get(city) or ends.get(city) or _nearest(region)
    return f"; did you mean {near}?" if near else ""


def _nearest(folded: str) -> str | None:
    names = {zone.casefold(): zone for zone in sorted(_regions())}
    found = difflib.get_close_matches(folded, names, 1, 0.8)
    return names[found[0]] if found else None


def _at_offset(offset: datetime.timedelta) -> str:
    if not offset:
        return "; write UTC"
    # An offset without summer time is the plain reading of it; zones with one come after.
    steady = _ordered(zone for zone in _regions() if set(_offsets(zone)) == {offset})
    standard = _ordered(zone for zone in _regions() if min(_offsets(zone)) == offset)
    found = [*(zone for zone in (*steady, *standard) if zone in _WELL_KNOWN), *steady, *standard]
    return f"; for UTC{_written(offset)} write {_choice(list(dict.fromkeys(found)))}" if found else ""


def _written(offset: datetime.timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _ordered(zones: Iterable[str]) -> list[str]:
    """Well-known zones first, then by name."""
    places = {zone: place for place, zone in enumerate(_WELL_KNOWN)}
    return sorted(zones, key=lambda zone: (places.get(zone, len(places)), zone))


def _choice(zones: list[str]) -> str:
    known = [zone for zone in zones if zone in _WELL_KNOWN]
    return " or ".join((known or zones)[:2])


@cache
def _times(zone: str) -> tuple[datetime.datetime, ...]:
    return tuple(month.astimezone(zoneinfo.ZoneInfo(zone)) for month in _MONTHS)


def _abbreviations(zone: str) -> frozenset[str]:
    return frozenset(each.tzname() or "" for each in _times(zone))


@cache
def _offsets(zone: str) -> tuple[datetime.timedelta, ...]:
    return tuple(each.utcoffset() or datetime.timedelta(0) for each in _times(zone))
