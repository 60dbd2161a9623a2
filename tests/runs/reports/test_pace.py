"""How fast a host is told."""

from runs.reports.hosts import HOST_APIS
from runs.reports.pace import Pace

PUBLIC = "https://api.github.com"


def test_github_com_gets_eighty_requests_a_minute_and_a_server_of_ones_own_any_number() -> None:
    pace = Pace(HOST_APIS["github"].at(PUBLIC))
    for number in range(80):
        assert pace.wait(number * 0.1) == 0
        pace.sent(number * 0.1)
    assert pace.wait(8.0) == 52.0
    assert pace.wait(60.0) == 0
    own = Pace(HOST_APIS["github"].at("https://github.example.com/api/v3"))
    for _ in range(1000):
        own.sent(0.0)
    assert own.wait(0.0) == 0
    assert not own.scarce(0.0)


def test_when_the_hours_requests_are_scarce_final_words_alone_are_told() -> None:
    pace = Pace(HOST_APIS["github"].at(PUBLIC))
    for number in range(400):
        assert not pace.scarce(float(number))
        pace.sent(float(number))
    assert pace.scarce(400.0)
    assert not pace.scarce(3600.0 + 1)


def test_a_host_that_wants_to_be_left_alone_is_left_alone() -> None:
    pace = Pace(HOST_APIS["gitea"])
    pace.close(30.0)
    pace.close(20.0)
    assert pace.wait(10.0) == 20.0
    assert pace.wait(31.0) == 0
