"""The pace of a fan-out: never more runs in a time than it says, whatever else happens, and over restarts."""

import heapq
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fan_out_site import FanOutSite, Request, fan_out, names, stamp
from hypothesis import given
from hypothesis import strategies as st

from hookline.fanning_out.crew import Stopped
from hookline.fanning_out.pacing import Backoff, Pacer
from sensors.fan_out import Pace

PACE = {"at_once": 20, "every": 30, "quiet": 0}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FanOutSite]:
    found = FanOutSite(tmp_path)
    yield found
    found.close()


def most_within(times: list[float], every: float) -> int:
    """How many of these moments lie in one time of this length at most."""
    ordered = sorted(times)
    return max((sum(begin <= each < begin + every for each in ordered) for begin in ordered), default=0)


@given(
    at_once=st.integers(1, 7),
    every=st.integers(1, 40),
    workers=st.integers(1, 8),
    runs=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)
def test_in_no_window_of_the_pace_are_more_runs_created_than_it_says(
    at_once: int, every: int, workers: int, runs: int, seed: int
) -> None:
    """Requests overlap, take their time, are refused, find the run there, or are not answered though the run was created."""
    chance = random.Random(seed)
    pacer, now, tie = Pacer(Pace(at_once, every, 0)), 0.0, itertools.count()
    waiting = [f"run-{number}" for number in range(runs)]
    under_way: list[tuple[float, int, str, str]] = []
    created: dict[str, float] = {}
    doubled: set[str] = set()
    while waiting or under_way:
        while waiting and len(under_way) < workers and pacer.may(waiting[0], now):
            run = waiting.pop(0)
            pacer.asked(run)
            end = now + chance.choice((0.0, 0.3, 2.0, 17.0)) * chance.random()
            result = chance.choice(("started", "started", "refused", "unsure", "lost"))
            if result in ("started", "unsure") and run not in created:
                created[run] = now + (end - now) * chance.random()
            heapq.heappush(under_way, (end, next(tie), run, result))
        if not under_way:
            pause = pacer.wait(now)
            assert pause > 0, "it waits for nothing"
            now += pause
            continue
        now, _, run, result = heapq.heappop(under_way)
        if result in ("unsure", "lost"):
            doubled.add(run)
            waiting.insert(0, run)
        if result in ("started", "unsure", "lost") or run in doubled:
            pacer.created(run, now)
        else:
            pacer.not_created(run)
    assert most_within(list(created.values()), every) <= at_once


@given(seed=st.integers(0, 2**32), failures=st.integers(1, 40), asked=st.none() | st.floats(0, 1e308))
def test_pauses_grow_to_their_bound_and_are_at_least_what_the_server_asks(
    seed: int, failures: int, asked: float | None
) -> None:
    backoff = Backoff(0.5, 30.0, random.Random(seed).random)
    pauses = [backoff.pause(asked) for _ in range(failures)]
    for number, pause in enumerate(pauses):
        whole = min(30.0, 0.5 * 2**number)
        assert max(whole / 2, min(asked or 0, 300)) <= pause <= max(whole, min(asked or 0, 300))
    backoff.over()
    assert backoff.pause(None) <= 0.5


def test_runs_start_in_batches_after_the_quiet_time(site: FanOutSite) -> None:
    order = fan_out(50, pace={**PACE, "quiet": 60}, created=-20)
    site.executor(order).run()
    assert site.times() == {40.0: 20, 70.0: 20, 100.0: 10}


def test_a_pace_of_all_at_once_waits_for_quiet_alone(site: FanOutSite) -> None:
    site.executor(fan_out(50, pace={"at_once": 1, "every": 0, "quiet": 60}, created=-20)).run()
    assert site.times() == {40.0: 50}


def test_a_quiet_time_that_is_over_is_not_waited_for(site: FanOutSite) -> None:
    site.executor(fan_out(5, pace={**PACE, "quiet": 60}, created=-3600)).run()
    assert site.times() == {0.0: 5}


def test_the_quiet_time_goes_by_the_clock_of_the_api_server(
    site: FanOutSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Workflow's time is the API server's; a pod whose clock is wrong by an hour waits as long as another."""
    monkeypatch.setattr("time.time", lambda: 0.0)
    site.executor(fan_out(5, pace={**PACE, "quiet": 60}, created=0)).run()
    assert site.times() == {60.0: 5}


def test_a_restarted_pod_catches_up_at_once_and_keeps_the_pace_of_the_one_before(site: FanOutSite) -> None:
    order = fan_out(70, pace=PACE)
    site.crew.at.append((35.0, site.stop.set))
    with pytest.raises(Stopped):
        site.executor(order).run()
    assert site.times() == {0.0: 20, 30.0: 20}
    site.stop.clear()
    # The next begins 6 s later: what the first had made is there at once, and the next batch comes when it would have come.
    site.crew.now = 41.0
    site.crew.pauses.clear()
    site.executor(order).run()
    times = site.times()
    assert list(times.values()) == [20, 20, 20, 10]
    # The times that the API server gives are cut to whole seconds, so that one more is waited.
    assert list(times)[2:] == [61.0, 91.0]
    assert site.counts() == {"started": 30, "existing": 40, "replaced": 0, "refused": 0}


def test_a_pod_that_is_restarted_again_and_again_does_not_start_all_at_once(site: FanOutSite) -> None:
    order = fan_out(60, pace=PACE)
    for number in range(30):
        site.stop.clear()
        site.crew.now = max(site.crew.now, number * 3.0)
        site.crew.at = [(site.crew.now + 2.5, site.stop.set)]
        try:
            site.executor(order).run()
            break
        except Stopped:
            pass
    created = [time for time, method, _ in site.asked if method == "POST"]
    assert len(site.created) == len(set(site.created)) == 60
    assert most_within(created, 30) <= 20


def test_a_run_that_failed_early_in_the_order_does_not_make_a_batch_larger(site: FanOutSite) -> None:
    order = fan_out(30, pace=PACE)
    refused = {"app-0003"}

    def fault(request: Request) -> bool:
        if any(request.creates(each) for each in refused):
            return request.answer(422, "Invalid", "no")
        return False

    site.fault = fault
    site.crew.at.append((35.0, refused.clear))
    site.executor(order).run()
    assert site.runs() == sorted(names(order))
    assert (
        most_within(
            [time for time, method, path in site.asked if method == "POST" and "app-0003" not in path], 30
        )
        <= 20
    )


def test_what_somebody_else_makes_meanwhile_takes_no_place_in_a_batch(site: FanOutSite) -> None:
    order = fan_out(60, pace=PACE)
    first = site.executor(order)
    run = first.tally.of("waiting")

    def others() -> None:
        for each, _ in run[20:40]:
            site.put(
                {**each.manifest, "metadata": {**each.manifest["metadata"], "creationTimestamp": stamp(15)}}
            )

    site.crew.at.append((15.0, others))
    first.run()
    # The second batch finds 20 of its runs there, and starts 20 others.
    assert site.counts() == {"started": 40, "existing": 20, "replaced": 0, "refused": 0}
    assert site.times() == {0.0: 20, 30.0: 40}
    assert len(site.created) == 40
