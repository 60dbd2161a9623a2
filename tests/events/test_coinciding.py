"""Two schedules in one minute: never denied where it comes, and denied where the clock keeps them apart."""

import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from events.coinciding import may_coincide
from events.cron import fire_times, parse_cron

BEGIN = datetime.datetime(2025, 12, 31, tzinfo=datetime.UTC)
UNTIL = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
ZONES = ["UTC", "Asia/Shanghai", "Europe/Rome", "America/New_York", "America/Chicago", "Asia/Kathmandu", "Australia/Lord_Howe"]  # fmt: skip


def coincide(one: str, zone: str, other: str, other_zone: str) -> bool:
    return may_coincide(parse_cron(one), ZoneInfo(zone), parse_cron(other), ZoneInfo(other_zone))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0 2 * * *", "0 2 * * 0", True),
        ("0 2 * * 1-5", "0 2 * * 6,0", False),
        ("0 2 * * *", "0 3 * * *", False),
        ("*/15 * * * *", "30 14 1 * *", True),
        ("0 2 1 1-6 *", "0 2 1 7-12 *", False),
        ("0 2 29 2 *", "0 2 * * 3", True),
        (
            "0 2 13 * 5",
            "0 2 14 * *",
            True,
        ),  # without a star the 13th or a Friday is enough, and a 14th is a Friday
        ("0 2 31 * *", "0 2 30 * *", False),
    ],
)
def test_in_one_zone_minute_hour_and_day_decide(one: str, other: str, expected: bool) -> None:
    assert coincide(one, "Europe/Rome", other, "Europe/Rome") is expected
    assert coincide(other, "Europe/Rome", one, "Europe/Rome") is expected


@pytest.mark.parametrize(
    ("one", "zone", "other", "other_zone", "expected"),
    [
        ("0 10 * * *", "Asia/Shanghai", "0 2 * * *", "UTC", True),
        ("0 2 * * *", "Asia/Shanghai", "0 2 * * *", "UTC", False),
        ("0 9 * * *", "Europe/Rome", "0 8 * * *", "UTC", True),  # in winter
        ("0 10 * * *", "Europe/Rome", "0 8 * * *", "UTC", True),  # in summer
        ("0 11 * * *", "Europe/Rome", "0 8 * * *", "UTC", False),
        ("30 3 * * *", "America/New_York", "30 2 * * *", "America/Chicago", True),
        ("30 3 * * *", "America/New_York", "30 1 * * *", "America/Chicago", True),  # for an hour of the day of the change
        ("30 3 * * *", "America/New_York", "30 4 * * *", "America/Chicago", False),
    ],
)  # fmt: skip
def test_in_two_zones_their_clocks_are_compared(
    one: str, zone: str, other: str, other_zone: str, expected: bool
) -> None:
    assert coincide(one, zone, other, other_zone) is expected
    assert coincide(other, other_zone, one, zone) is expected


FIELDS = st.tuples(
    st.sampled_from(["0", "30", "*/20"]),
    st.sampled_from(["1", "2", "3", "1-3", "8", "*/6"]),
    st.sampled_from(["*", "1", "29", "*/10"]),
    st.sampled_from(["*", "2", "3,10", "1-6"]),
    st.sampled_from(["*", "0", "1-5", "6"]),
).map(" ".join)


@settings(max_examples=tries(150), deadline=None)
@given(one=FIELDS, other=FIELDS, zone=st.sampled_from(ZONES), other_zone=st.sampled_from(ZONES))
def test_a_minute_of_both_is_never_denied(one: str, other: str, zone: str, other_zone: str) -> None:
    if coincide(one, zone, other, other_zone):
        return

    def minutes(cron: str, place: str) -> set[datetime.datetime]:
        times = fire_times(parse_cron(cron), ZoneInfo(place), BEGIN)
        return {each.astimezone(datetime.UTC) for each in takewhile(lambda time: time < UNTIL, times)}

    assert not minutes(one, zone) & minutes(other, other_zone)
