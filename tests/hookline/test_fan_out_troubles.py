"""An API server that is away, has too much to do or refuses: nothing is lost, nothing is doubled, and the log stays short."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fan_out_site import API, FanOutSite, Request, fan_out, names
from structlog.testing import capture_logs

from apiserver.connection import Refused
from hookline.fanning_out.asking import is_right_missing
from hookline.fanning_out.crew import Stopped

QUOTA = "{} is forbidden: exceeded quota: runs, requested: count/workflows.argoproj.io=1, used: 2, limited: 2"
NO_RIGHT = (
    'workflows.argoproj.io is forbidden: User "system:serviceaccount:ci:hookline-fan-out" cannot create resource '
    '"workflows" in API group "argoproj.io" in the namespace "{}"'
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FanOutSite]:
    found = FanOutSite(tmp_path)
    yield found
    found.close()


def quota(site: FanOutSite, most: int) -> None:
    """Let no more than so many runs be there; as the real one, look for the quota before the name."""

    def fault(request: Request) -> bool:
        if request.creates() and len(site.runs()) >= most:
            return request.answer(403, "Forbidden", QUOTA.format(request.path.rpartition("/")[2]))
        return False

    site.fault = fault


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (504, "Timeout"),
        (429, "TooManyRequests"),
        (401, "Unauthorized"),
        (409, "Conflict"),
    ],
)
def test_an_answer_that_passes_is_waited_out(site: FanOutSite, status: int, reason: str) -> None:
    """A 409 that is no AlreadyExists is a quota whose count many change at a time."""
    site.fault = lambda request: (
        request.creates() and site.crew.now < 300 and request.answer(status, reason, "not now")
    )
    order = fan_out(30)
    with capture_logs() as logs:
        assert site.executor(order).run() == []
    assert site.runs() == sorted(names(order))
    assert len(site.created) == 30
    assert site.counts() == {"started": 30, "existing": 0, "replaced": 0, "refused": 0}
    changes = [each["event"] for each in logs if "API server" in each["event"]]
    assert changes == ["the API server refuses", "the API server answers again"]
    assert len([each for each in logs if each["event"] == "batch"]) == 1, "a line for each try"
    # Half a second at first, then longer and longer, and never more than half a minute.
    assert site.crew.pauses[0] <= 0.5
    assert 10 < max(site.crew.pauses) <= 30


def test_a_server_that_is_away_is_waited_for(site: FanOutSite) -> None:
    order = fan_out(30)
    site.fault = lambda request: 1 < site.crew.now < 400 and request.drop()
    site.crew.now = 2.0
    with capture_logs() as logs:
        assert site.executor(order).run() == []
    assert site.counts() == {"started": 30, "existing": 0, "replaced": 0, "refused": 0}
    assert len([each for each in logs if each["log_level"] == "warning"]) == 1
    assert len(logs) < 60


def test_away_in_the_middle_of_its_batches_it_loses_nothing_and_keeps_the_pace(site: FanOutSite) -> None:
    order = fan_out(100, pace={"at_once": 20, "every": 30, "quiet": 0})
    site.fault = lambda request: 29 < site.crew.now < 200 and request.drop()
    assert site.executor(order).run() == []
    assert len(site.created) == len(set(site.created)) == 100
    posts = [time for time, method, _ in site.asked if method == "POST" and not 29 < time < 200]
    assert all(sum(begin <= each < begin + 30 for each in posts) <= 20 for begin in posts)


def test_the_server_says_how_long_to_leave_it_alone(site: FanOutSite) -> None:
    site.fault = lambda request: (
        request.creates()
        and site.crew.now < 17
        and request.answer(429, "TooManyRequests", "later", Retry_After="17")
    )
    site.executor(fan_out(30)).run()
    assert site.crew.pauses == [17.0]
    times = site.times()
    assert times[17.0] == 30
    # Only what was under way when it said so.
    assert times[0.0] <= 8


def test_a_run_that_was_created_without_an_answer_is_counted_once(site: FanOutSite) -> None:
    """The connection breaks after the API server has stored it."""
    broken: set[str] = set()

    def fault(request: Request) -> bool:
        if not request.creates() or request.path in broken or len(broken) == 10:
            return False
        broken.add(request.path)
        site.put(
            {
                **request.body,
                "metadata": {**request.body["metadata"], "creationTimestamp": "2026-11-27T06:00:00Z"},
            }
        )
        return request.drop()

    site.fault = fault
    order = fan_out(30)
    assert site.executor(order).run() == []
    assert site.runs() == sorted(names(order))
    # Nobody asks twice for what exists: it would take a second place in a quota.
    assert len([each for each in site.asked if each[1] == "POST"]) == 30
    assert site.counts() == {"started": 30, "existing": 0, "replaced": 0, "refused": 0}


def test_one_run_that_the_server_fails_at_keeps_no_other_waiting(site: FanOutSite) -> None:
    site.fault = lambda request: (
        request.creates("app-0000") and request.answer(500, "InternalError", "a webhook is down")
    )
    order = fan_out(100)
    site.crew.at.append((60.0, site.stop.set))
    with pytest.raises(Stopped):
        site.executor(order).run()
    assert site.runs() == sorted(names(order)[1:])
    assert site.times()[0.0] == 100, "all were tried before the first pause"


def test_many_runs_at_whose_front_the_server_fails_keep_no_other_waiting(site: FanOutSite) -> None:
    """The webhook of one team is down, and its pipelines are the first by name."""
    order = fan_out(60)
    team = names(order)[:20]
    site.fault = lambda request: (
        request.creates()
        and f"ci/{request.path.rpartition('/')[2]}" in team
        and request.answer(500, "InternalError", "no")
    )
    site.crew.at.append((600.0, site.stop.set))
    with pytest.raises(Stopped):
        site.executor(order).run()
    assert site.runs() == sorted(names(order)[20:])


def test_a_server_that_fails_at_everything_is_asked_a_few_times_before_each_pause(site: FanOutSite) -> None:
    site.fault = lambda request: request.creates() and request.answer(500, "InternalError", "no")
    site.crew.at.append((300.0, site.stop.set))
    with pytest.raises(Stopped):
        site.executor(fan_out(300)).run()
    assert max(site.times().values()) <= 2 * 8


def test_what_is_no_answer_of_an_api_server_is_waited_out(site: FanOutSite) -> None:
    """A proxy that shows its own page."""

    def fault(request: Request) -> bool:
        if site.crew.now >= 20:
            return False
        request.handler.answer(200, "<html>we will be back soon</html>")
        return True

    site.fault = fault
    order = fan_out(12)
    assert site.executor(order).run() == []
    assert len(site.created) == 12


# Refused runs


def test_one_refused_run_stops_no_other_and_is_tried_again_for_ten_minutes(site: FanOutSite) -> None:
    words = 'admission webhook "policy" denied the request: no\nroot'
    site.fault = lambda request: request.creates("app-0007") and request.answer(400, "BadRequest", words)
    order = fan_out(30)
    with capture_logs() as logs:
        ((run, outcome),) = site.executor(order).run()
    assert run.pipeline == "app-0007"
    assert "denied the request: no\nroot" in outcome.words
    assert len(site.runs()) == 29
    tries = [time for time, method, path in site.asked if method == "POST" and "app-0007" in path]
    assert tries == [30.0 * number for number in range(21)]
    assert site.counts() == {"started": 29, "existing": 0, "replaced": 0, "refused": 1}
    assert site.progress.read_text() == "29/30"
    assert site.lines()[7] == (
        f'{names(order)[7]} refused: 400 BadRequest: admission webhook "policy" denied the request: no root'
    )
    assert len([each for each in logs if each["log_level"] == "warning"]) == 1


def test_a_quota_that_frees_up_lets_the_rest_start(site: FanOutSite) -> None:
    order = fan_out(30)
    quota(site, 29)
    # A run that had ended is deleted two minutes later.
    site.crew.at.append((125.0, lambda: site.delete(site.runs()[0])))
    # One at a time, so that the quota is exact.
    site.crew._size = 1
    assert site.executor(order).run() == []
    assert len(site.created) == len(set(site.created)) == 30
    assert site.counts() == {"started": 30, "existing": 0, "replaced": 0, "refused": 0}
    assert site.crew.now == 150.0


def test_a_full_quota_is_asked_before_the_name_so_what_exists_is_looked_for(site: FanOutSite) -> None:
    """Admission is asked before the name (kubernetes staging/src/k8s.io/apiserver pkg/registry/generic/registry/store.go)."""
    order = fan_out(10, kind="push")
    site.executor(order).run()
    quota(site, 10)
    assert site.executor(order).run() == []
    assert site.counts() == {"started": 0, "existing": 10, "replaced": 0, "refused": 0}


def test_a_namespace_that_is_gone_stops_no_other(site: FanOutSite) -> None:
    order = fan_out(10, namespaces=("ci", "gone"))
    site.fault = lambda request: (
        "/namespaces/gone/" in request.path and request.answer(404, "NotFound", 'namespaces "gone" not found')
    )
    refused = site.executor(order).run()
    assert {run.namespace for run, _ in refused} == {"gone"}
    assert len(refused) == len(site.runs()) == 5


def test_a_missing_right_is_said_once_and_not_asked_for_long(site: FanOutSite) -> None:
    site.fault = lambda request: request.creates() and request.answer(403, "Forbidden", NO_RIGHT.format("ci"))
    with capture_logs() as logs:
        refused = site.executor(fan_out(300)).run()
    assert len(refused) == 300
    assert len({outcome.words for _, outcome in refused}) == 1
    assert len([each for each in logs if each["log_level"] == "warning"]) == 1
    assert len(logs) < 10
    # A role may be applied a moment later than the template: three rounds of as many as are asked at a time.
    assert site.crew.now == 60.0
    assert len([each for each in site.asked if each[1] == "POST"]) <= 3 * 9


def test_a_right_that_comes_a_moment_later_is_enough(site: FanOutSite) -> None:
    site.fault = lambda request: (
        request.creates() and site.crew.now < 20 and request.answer(403, "Forbidden", NO_RIGHT.format("ci"))
    )
    order = fan_out(300)
    assert site.executor(order).run() == []
    assert site.runs() == sorted(names(order))


def test_a_missing_right_in_one_namespace_stops_no_other(site: FanOutSite) -> None:
    order = fan_out(100, namespaces=("ci", "team"))
    site.fault = lambda request: (
        request.creates()
        and f"{API}/team/" in request.path
        and request.answer(403, "Forbidden", NO_RIGHT.format("team"))
    )
    refused = site.executor(order).run()
    assert len(refused) == len(site.runs()) == 50


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (NO_RIGHT.format("ci"), True),
        (r'workflows.argoproj.io is forbidden: User "a\"b" cannot create resource "workflows" in API group "argoproj.io"', True),
        (QUOTA.format('workflows.argoproj.io "x"'), False),
        (f'admission webhook "x" denied the request: {NO_RIGHT}', False),
        ('workflows.argoproj.io "x" is forbidden: unable to create new content in namespace ci because it is being terminated', False),
    ],
)  # fmt: skip
def test_a_missing_right_is_told_from_what_admission_refuses(words: str, missing: bool) -> None:
    assert is_right_missing(Refused(403, "Forbidden", words, None)) is missing


def test_an_api_server_that_does_not_say_its_time_is_no_reason_to_wait(site: FanOutSite) -> None:
    site.fault = lambda request: request.path == "/version" and request.answer(403, "Forbidden", "no")
    site.executor(fan_out(5, pace={"at_once": 2, "every": 5, "quiet": 1}, created=-3600 * 24 * 365)).run()
    assert len(site.created) == 5
