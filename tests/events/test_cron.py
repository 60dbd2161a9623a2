"""Cron: read and fired as robfig/cron does, which both engines use."""

import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from events.cron import (
    CronError,
    clock_changes,
    fire_times,
    largest_shift,
    parse_cron,
    shift_cron,
    spread_minutes,
)

UTC = datetime.UTC


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("* * * *", "4 fields given"),
        ("60 * * * *", "minute: 60 is not 0-59"),
        ("* 24 * * *", "hour: 24 is not 0-23"),
        ("* * 0 * *", "day of month: 0 is not 1-31"),
        ("* * * 13 *", "month: 13 is not 1-12 or jan-dec"),
        ("* * * * 7", "Sunday is 0"),
        ("5-1 * * * *", "ends before it starts"),
        ("*/0 * * * *", "never moves on"),
        (",1 * * * *", "is not a value"),
        ("x * * * *", "minute: x is not 0-59"),
        ("\u0661 * * * *", "is not a value"),
        ("0 0 30 2 *", "names dates that never come"),
        ("0 0 31 4,6 *", "names dates that never come"),
        ("CRON_TZ=UTC 0 0 * * *", "timezone:"),
        ("@every 5m", 'write "*/5 * * * *"'),
        ("@every 60m", 'write "0 * * * *"'),
        ("@every 1h", 'write "0 * * * *"'),
        ("@every 24h", 'write "0 0 * * *"'),
        ("@every 7m", "expected five fields"),
        ("@reboot", "expected five fields"),
        ("TZ=UTC 0 0 * * *", "timezone:"),
        ("", "0 fields given"),
        ("0 0 0 * * *", "seconds are not supported"),
        ("0 0 * * fri-mon", "two ranges with a comma"),
        ("0 0 31 2 *", "names dates that never come"),
        ("*/10000 * * * *", "at most 4 digits"),
        ("1-2-3 * * * *", "is not a value"),
        ("1, * * * *", "is not a value"),
        ("@hourly", 'write "0 * * * *"'),
        ("0 " * 200, "at most 200 characters"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(CronError) as error:
        parse_cron(text)
    assert sentence in str(error.value)


def test_lists_ranges_steps_and_names() -> None:
    schedule = parse_cron("0,30 8-18/5 */10 jan-mar MON,fri")
    assert sorted(schedule.minutes) == [0, 30]
    assert sorted(schedule.hours) == [8, 13, 18]
    assert sorted(schedule.days_of_month) == [1, 11, 21, 31]
    assert sorted(schedule.months) == [1, 2, 3]
    assert sorted(schedule.days_of_week) == [1, 5]
    assert sorted(parse_cron("5/20 * * * *").minutes) == [5, 25, 45]


def test_a_step_restricts_the_days_and_a_star_does_not() -> None:
    """As robfig's star bit: 13th and Friday is either, */2 and Friday is either, * and Friday is Friday."""
    friday_the_twelfth = datetime.date(2026, 6, 12)
    assert parse_cron("0 0 13 * 5").on(friday_the_twelfth)
    assert parse_cron("0 0 */2 * 5").on(friday_the_twelfth)
    assert not parse_cron("0 0 13 * *").on(friday_the_twelfth)
    assert parse_cron("0 0 31 2 1").on(datetime.date(2026, 2, 2))


def test_29_february_comes() -> None:
    first = next(fire_times(parse_cron("0 0 29 2 *"), ZoneInfo("UTC"), at("2026-01-01T00:00+00:00")))
    assert first == at("2028-02-29T00:00+00:00")


def test_spring_skips_and_autumn_repeats() -> None:
    rome, schedule = ZoneInfo("Europe/Rome"), parse_cron("30 2 * * *")
    spring = [str(time) for time in islice(fire_times(schedule, rome, at("2026-03-27T12:00+00:00")), 2)]
    assert spring == ["2026-03-28 02:30:00+01:00", "2026-03-30 02:30:00+02:00"]
    autumn = [str(time) for time in islice(fire_times(schedule, rome, at("2026-10-24T12:00+00:00")), 2)]
    assert autumn == ["2026-10-25 02:30:00+02:00", "2026-10-25 02:30:00+01:00"]
    changes = clock_changes(schedule, rome, at("2026-01-01T00:00+00:00"), at("2026-12-31T00:00+00:00"))
    assert [(str(change.date), change.times, change.effect) for change in changes] == [
        ("2026-03-29", ("02:30",), "skipped"),
        ("2026-10-25", ("02:30",), "twice"),
    ]


def test_a_step_as_long_as_go_cannot_read_is_refused() -> None:
    """strconv.Atoi fails on it, so the event source would not start."""
    assert sorted(parse_cron("*/100 * * * *").minutes) == [0]
    with pytest.raises(CronError):
        parse_cron("*/99999999999999999999 * * * *")


ZONES = [
    "UTC",
    "Asia/Shanghai",
    "Europe/Rome",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Kolkata",
    "America/Havana",
    "America/St_Johns",
    "Pacific/Apia",
]
STARTS = [
    "2026-03-07T00:00+00:00",
    "2026-03-28T00:00+00:00",
    "2026-04-04T00:00+00:00",
    "2026-09-05T00:00+00:00",
    "2026-10-24T00:00+00:00",
    "2026-10-31T00:00+00:00",
    "2010-11-06T00:00+00:00",  # St John's goes back from 00:01 to 23:01 of the day before
    "2010-11-07T02:31+00:00",  # between its two midnights
    "2011-03-12T12:00+00:00",
    "2011-12-29T00:00+00:00",  # Apia has no 30 December
]
FIELD = st.sampled_from(["*", "0", "30", "1,31", "*/15", "0-5"])
HOUR = st.sampled_from(["*", "0", "1", "2", "23", "*/3", "1-3"])


@settings(max_examples=tries(150))
@given(
    minute=FIELD,
    hour=HOUR,
    day=st.sampled_from(["*", "*", "28", "1-7"]),
    week=st.sampled_from(["*", "0", "1-5"]),
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(STARTS),
)
def test_it_fires_at_every_minute_whose_wall_clock_matches(
    minute: str, hour: str, day: str, week: str, zone: str, start: str
) -> None:
    schedule, place, begin = parse_cron(f"{minute} {hour} {day} * {week}"), ZoneInfo(zone), at(start)
    expected = []
    for number in range(1, 3 * 1440):
        local = (begin + datetime.timedelta(minutes=number)).astimezone(place)
        if local.hour in schedule.hours and local.minute in schedule.minutes and schedule.on(local.date()):
            expected.append(local)
    found = []
    for time in fire_times(schedule, place, begin):
        if time >= begin + datetime.timedelta(minutes=3 * 1440):
            break
        found.append(time)
        if len(found) > len(expected):
            break
    assert [time.astimezone(UTC) for time in found] == [time.astimezone(UTC) for time in expected]


def test_a_clock_that_goes_back_across_midnight_repeats_the_day_before() -> None:
    zone, begin = ZoneInfo("America/St_Johns"), at("2010-11-07T02:00+00:00")
    found = [str(time)[8:] for time in islice(fire_times(parse_cron("0,30 * * * *"), zone, begin), 4)]
    assert found == ["07 00:00:00-02:30", "06 23:30:00-03:30", "07 00:00:00-03:30", "07 00:30:00-03:30"]
    changes = clock_changes(parse_cron("30 23 * * *"), zone, begin, begin)
    assert [(str(change.date), change.times, change.effect) for change in changes] == [
        ("2010-11-06", ("23:30",), "twice")
    ]


def test_a_day_that_a_zone_leaves_out_does_not_fire() -> None:
    zone = ZoneInfo("Pacific/Apia")
    schedule = parse_cron("0 9 30 12 *")
    assert next(fire_times(schedule, zone, at("2011-01-01T00:00+00:00"))).year == 2012
    changes = clock_changes(schedule, zone, at("2011-12-01T00:00+00:00"), at("2011-12-31T00:00+00:00"))
    assert [(str(change.date), change.times, change.effect) for change in changes] == [
        ("2011-12-30", ("09:00",), "skipped")
    ]


def test_fire_times_end_with_the_last_year_that_a_date_can_name() -> None:
    assert list(fire_times(parse_cron("0 0 1 1 *"), ZoneInfo("UTC"), at("9999-06-01T00:00+00:00"))) == []


FIELDS = st.tuples(
    st.sampled_from(["*", "*/7", "0,59", "5/20", "0-58", "?", "*/1"]),
    st.sampled_from(["*", "22-23", "*/5", "0,23", "0-22"]),
    st.sampled_from(["*", "?", "*/2", "1-31", "1,15", "31"]),
    st.sampled_from(["*", "jan-MAR", "*/5", "1-12"]),
    st.sampled_from(["*", "?", "*/2", "0-6", "mon-fri", "SUN", "*/1"]),
)


@given(fields=FIELDS, blank=st.sampled_from([" ", "  ", "\t", " \n"]))
def test_the_text_of_a_schedule_reads_as_the_same_schedule(fields: tuple[str, ...], blank: str) -> None:
    schedule = parse_cron(blank + blank.join(fields) + blank)
    assert schedule.text == " ".join(fields)
    assert parse_cron(schedule.text) == schedule


@settings(max_examples=tries(200))
@given(fields=FIELDS, minutes=st.one_of(st.sampled_from([1, 59, 60, 120, 1380, 1439]), st.integers(0, 1439)))
def test_any_schedule_that_can_be_shifted_fires_that_much_later(
    fields: tuple[str, ...], minutes: int
) -> None:
    schedule = parse_cron(" ".join(fields))
    try:
        moved = shift_cron(schedule, minutes)
    except CronError as error:
        assert "use a smaller spread, or another time" in str(error)  # noqa: PT017 - not every case raises
        return
    assert parse_cron(moved.text) == moved
    start, delay = at("2026-01-30T00:00+00:00"), datetime.timedelta(minutes=minutes)
    plain = islice(fire_times(schedule, ZoneInfo("UTC"), start), 200)
    late = islice(fire_times(moved, ZoneInfo("UTC"), start + delay), 200)
    assert list(late) == [time + delay for time in plain]


@pytest.mark.parametrize(
    ("text", "minutes", "moved"),
    [
        ("50 23 * * 6", 20, "10 0 * * 0"),
        ("0-58 0-22 * * *", 1, "1-59 0-22 * * *"),
        ("0 23 1-31 * *", 60, "0 0 1-31 * *"),
        ("0 22-23 * * 0-6", 60, "0 0,23 * * 0-6"),
        ("50 23 * * 1-5", 20, "10 0 * * 2-6"),
    ],
)
def test_a_shifted_schedule_is_written_in_five_fields(text: str, minutes: int, moved: str) -> None:
    assert shift_cron(parse_cron(text), minutes).text == moved


@settings(max_examples=tries(100))
@given(
    text=st.sampled_from(
        [
            "30 2 * * 1-5",
            "0 3 * * *",
            "50 23 * * 1",
            "0,30 5 * * *",
            "0 * * * *",
            "15 1 10 * *",
            "0 22-23 * * *",
            "59 23 * * *",
        ]
    ),
    minutes=st.integers(0, 1439),
)
def test_a_shifted_schedule_fires_exactly_that_much_later(text: str, minutes: int) -> None:
    schedule = parse_cron(text)
    try:
        moved = shift_cron(schedule, minutes)
    except CronError:
        return
    start = at("2026-06-01T00:00+00:00")
    delay = datetime.timedelta(minutes=minutes)
    plain = list(islice(fire_times(schedule, ZoneInfo("UTC"), start), 20))
    assert list(islice(fire_times(moved, ZoneInfo("UTC"), start + delay), 20)) == [
        time + delay for time in plain
    ]


def test_what_five_fields_cannot_say_is_refused() -> None:
    for text, minutes in (
        ("0,30 2 * * *", 30),
        ("50 23 1 * *", 20),
        ("50 23 * 1 *", 20),
        ("0 0,23 * * 1", 60),
    ):
        with pytest.raises(CronError):
            shift_cron(parse_cron(text), minutes)
    assert largest_shift(parse_cron("0,30 2 * * *"), 120) == 29
    assert largest_shift(parse_cron("30 2 * * 1-5"), 1200) == 1200


def test_the_spread_follows_from_the_name_alone() -> None:
    assert [spread_minutes(name, 20) for name in ("shop", "shop", "cart", "hello-world")] == [
        16,
        16,
        spread_minutes("cart", 20),
        4,
    ]
    assert {spread_minutes(f"pipeline-{number}", 20) for number in range(500)} == set(range(21))
    assert spread_minutes("shop", 0) == 0
