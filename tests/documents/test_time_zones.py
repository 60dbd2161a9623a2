"""Time zones: a name of the IANA database passes; anything else is answered with what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.time_zones import check_timezone

ANSWERS = [
    ("GMT+8", "for UTC+08:00 write Asia/Shanghai or Asia/Singapore"),
    ("UTC+8", "for UTC+08:00 write Asia/Shanghai"),
    ("utc +08:00", "for UTC+08:00 write Asia/Shanghai"),
    ("+0800", "for UTC+08:00 write Asia/Shanghai"),
    ("UTC-5", "for UTC-05:00 write America/Bogota or America/New_York"),
    ("UTC+5:45", "for UTC+05:45 write Asia/Kathmandu"),
    ("UTC+0", "write UTC"),
    ("Etc/GMT-8", "Etc/GMT-8 is UTC+08:00; for UTC+08:00 write Asia/Shanghai"),
    ("Etc/GMT+5", "Etc/GMT+5 is UTC-05:00; for UTC-05:00 write America/Bogota"),
    ("CST", "CST is an abbreviation of several zones, such as Asia/Shanghai or America/Chicago: write one of them"),
    ("EST", "an abbreviation of several zones, such as America/New_York"),
    ("MSK", "MSK is an abbreviation: write Europe/Moscow"),
    ("EST5EDT", "write America/New_York"),
    ("PST8PDT", "write America/Los_Angeles"),
    ("PRC", "write Asia/Shanghai"),
    ("GMT", "write UTC"),
    ("utc", "write UTC"),
    ("Etc/UTC", "write UTC"),
    ("asia/shanghai", "did you mean Asia/Shanghai?"),
    ("posix/Asia/Tokyo", "did you mean Asia/Tokyo?"),
    ("Shanghai", "did you mean Asia/Shanghai?"),
    ("Beijing", "did you mean Asia/Shanghai?"),
    ("New York", "did you mean America/New_York?"),
    ("Asia/Shangai", "did you mean Asia/Shanghai?"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "answer"), ANSWERS)
def test_what_is_no_zone_of_the_database_is_answered_with_what_to_write(value: str, answer: str) -> None:
    with pytest.raises(ValueError, match="expected an IANA time zone") as error:
        check_timezone(value)
    assert f"; {answer}" in str(error.value) or f" is {answer}" in str(error.value)


@pytest.mark.parametrize("value", ["UTC", "Asia/Shanghai", "America/Argentina/Buenos_Aires"])
def test_names_of_the_database_pass(value: str) -> None:
    assert check_timezone(value) == value


@pytest.mark.parametrize("value", ["", "Local", "UTC+25", "+99", "x" * 300, "\x00", "Etc/../UTC"])
def test_what_is_near_no_zone_is_refused_plainly(value: str) -> None:
    with pytest.raises(ValueError, match=r"refused$"):
        check_timezone(value)


@given(st.text(max_size=20) | st.from_regex(r"\A(?:UTC|GMT|Etc/GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?\Z"))
def test_any_text_passes_or_gets_a_sentence(value: str) -> None:
    try:
        assert check_timezone(value) == value
    except ValueError as error:
        assert str(error).startswith("expected an IANA time zone")  # noqa: PT017
