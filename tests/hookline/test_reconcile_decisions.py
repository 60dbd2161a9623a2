"""What reconciling decides, over random histories: nothing lost within what can be proven, nothing of the past built again, nothing twice."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import plan
from tries import tries

from hookline.plan.objects import sensor_object
from hookline.reconciling.decisions import (
    TOLERANCE,
    Due,
    Evidence,
    Finding,
    applied_since,
    carries,
    judge,
    kept_seconds,
    tolerance,
)

NOW = datetime.datetime(2026, 11, 27, 7, 0, tzinfo=datetime.UTC)
GRACE = datetime.timedelta(minutes=2)
HOUR = 3600
PLACE = ("hookline-1", "github-1")


def at(seconds: float) -> datetime.datetime:
    """A time so many seconds before now."""
    return NOW - datetime.timedelta(seconds=seconds)


def due(*ago: float, kept: int | None = HOUR, identity: str = "e1", line: str | None = "push main") -> Due:
    """A run whose event was delivered so many seconds ago; sequence numbers follow the time."""
    times = sorted(ago, reverse=True)
    deliveries = [(round(100_000 - each), at(each)) for each in times]
    return Due("shop", "ci", f"shop-{identity}", identity, *PLACE, "", line, kept, deliveries=deliveries)


FAN_OUTS = ("fan-out-there",)


def evidence(
    applied: float | None = 10 * HOUR,
    existing: Sequence[str] = (),
    ended: Sequence[str] = (),
    skew: float = 0,
) -> Evidence:
    return Evidence(
        NOW,
        tolerance(NOW + datetime.timedelta(seconds=skew), NOW),
        frozenset(("shop", each) for each in existing),
        frozenset(FAN_OUTS),
        frozenset(("ci", f"shop-{each}") for each in ended),
        {PLACE: at(applied) if applied is not None else None},
    )


def code(one: Due, known: Evidence) -> str:
    (found,) = judge([one], known, GRACE)
    return found.code


def test_an_event_without_a_run_is_lost_after_the_grace() -> None:
    assert code(due(600), evidence()) == "LOST"
    assert code(due(60), evidence()) == "WAITING"
    assert code(due(600), evidence(existing=["e1"])) == "EXISTS"


def test_a_run_whose_fan_out_is_there_is_left_to_it() -> None:
    assert code(dataclasses.replace(due(600), fan_out="fan-out-there"), evidence()) == "FAN_OUT"
    assert code(dataclasses.replace(due(600), fan_out="fan-out-gone"), evidence()) == "LOST"
    there = evidence(existing=["e1"])
    assert code(dataclasses.replace(due(600), fan_out="fan-out-there"), there) == "EXISTS"


def test_what_is_older_than_the_declaration_is_left_alone() -> None:
    assert code(due(600), evidence(applied=599)) == "OLDER"
    assert code(due(600), evidence(applied=602)) == "OLDER"  # the clocks are not that exact
    assert code(due(600), evidence(applied=610)) == "LOST"
    assert code(due(600, 500), evidence(applied=599)) == "LOST"  # delivered again since


def test_a_sensor_that_says_not_since_when_proves_nothing() -> None:
    assert code(due(600), evidence(applied=None)) == "OLDER"
    another = Evidence(NOW, TOLERANCE, frozenset(), frozenset(), frozenset(), {})
    assert code(due(600), another) == "NOT_APPLIED"


def test_a_run_that_may_have_left_after_its_ttl_is_left_alone() -> None:
    assert code(due(HOUR), evidence()) == "EXPIRED"
    assert code(due(HOUR - 10), evidence()) == "LOST"
    assert code(due(600, kept=None), evidence()) == "EXPIRED"
    again = due(600)
    again.earlier = at(2 * HOUR)
    assert code(again, evidence()) == "EXPIRED"
    assert code(due(2 * HOUR, 600), evidence()) == "EXPIRED"


def test_a_run_that_had_ended_is_not_built_again() -> None:
    assert code(due(600), evidence(ended=["e1"])) == "ENDED"


def test_a_clock_that_is_wrong_makes_less_provable_and_nothing_wrong() -> None:
    assert code(due(600), evidence(applied=640, skew=60)) == "OLDER"
    assert code(due(600), evidence(applied=640, skew=-60)) == "OLDER"
    assert code(due(150), evidence(skew=60)) == "WAITING"
    assert tolerance(None, NOW) > tolerance(NOW, NOW)


def test_what_arrived_while_the_pipeline_was_suspended_stays_away_after_its_end() -> None:
    one = due(900, 600)
    one.suspended_until = at(500)
    assert code(one, evidence()) == "SUSPENDED"
    one.suspended_until = at(598)
    assert code(one, evidence()) == "SUSPENDED"
    one.suspended_until = at(700)
    assert code(one, evidence()) == "LOST"


def test_of_a_branch_an_old_commit_can_be_left_out() -> None:
    old, new = due(900, identity="old"), due(600, identity="new")
    known = evidence(existing=["new"])
    found = judge([new, old], known, GRACE)
    assert [(each.due.identity, each.code, each.behind) for each in found] == [
        ("old", "LOST", True),
        ("new", "EXISTS", False),
    ]
    assert judge([old, new], known, GRACE, skip_superseded=True)[0].code == "SUPERSEDED"
    # Both were lost: both come back, in their order.
    assert [each.code for each in judge([new, old], evidence(), GRACE, skip_superseded=True)] == [
        "LOST",
        "LOST",
    ]
    tag = due(900, identity="old", line=None)
    assert judge([tag, new], known, GRACE, skip_superseded=True)[0].code == "LOST"


# --- Histories -----------------------------------------------------------------------------------------------------

TTL = 5400
RETENTION = 3 * HOUR
"""How long the bus of the histories keeps events."""
WINDOW = 2 * HOUR
"""How far back reconcile looks."""


@dataclass(frozen=True)
class Life:
    """One Workflow: when it was created, ended and was removed, in seconds of the history; None = not yet."""

    created: float
    ended: float | None
    removed: float | None
    by_ttl: bool


@dataclass(frozen=True)
class Handling:
    """What a Sensor makes of a delivery, and what becomes of the run."""

    time: float
    loses: bool
    delay: float
    lasts: float
    deleted_after: float | None


END = 4 * HOUR
"""Now, in seconds of a history."""
TIMES = (
    st.integers(0, END)
    | st.integers(-120, 120).map(lambda off: END - TTL + off)
    | st.integers(END - 900, END)
)
"""Whenever, about one ttl ago, and lately: where rules begin and end."""
HANDLINGS = st.builds(
    Handling,
    time=TIMES,
    loses=st.booleans(),
    delay=st.sampled_from((0, 1, 100)),
    lasts=st.sampled_from((1, 60, HOUR)),
    deleted_after=st.none() | st.sampled_from((10, 100, 2 * HOUR)),
)


def lives(handlings: Sequence[Handling], applied: float) -> list[Life]:
    """The Workflows that the Sensor made of one event: one at a time; before the declaration none."""
    found: list[Life] = []
    for each in sorted(handlings, key=lambda one: one.time):
        moment = each.time + each.delay
        there = any(
            life.created <= moment and (life.removed is None or life.removed > moment) for life in found
        )
        if each.loses or each.time < applied or there or moment > END:
            continue
        ended = moment + each.lasts
        removed, by_ttl = ended + TTL, True
        if each.deleted_after is not None and moment + each.deleted_after < removed:
            removed, by_ttl = moment + each.deleted_after, False
        found.append(
            Life(moment, ended if ended < removed else None, removed if removed <= END else None, by_ttl)
        )
    return found


@given(
    histories=st.lists(st.lists(HANDLINGS, min_size=1, max_size=3), min_size=1, max_size=3),
    asked=st.integers(-120, 120) | st.integers(-END, END),
    skew=st.sampled_from((-90, 0, 3, 90)),
)
@settings(max_examples=tries(3000), deadline=None)
def test_nothing_provable_is_lost_nothing_past_is_built_and_nothing_twice(
    histories: list[list[Handling]], asked: int, skew: int
) -> None:
    # The declaration was applied a little before or after the first event, or at any time.
    applied = histories[0][0].time + asked

    def bus_time(moment: float) -> datetime.datetime:
        return at(END - moment - skew)

    truths = {f"e{number}": (each, lives(each, applied)) for number, each in enumerate(histories)}
    dues: dict[str, Due] = {}
    sequence = 0
    for time, identity in sorted((one.time, name) for name, (all_, _) in truths.items() for one in all_):
        sequence += 1
        if END - time > RETENTION:
            continue  # the bus has dropped it
        if END - time > WINDOW:
            continue
        one = dues.setdefault(
            identity, Due("shop", "ci", f"shop-{identity}", identity, *PLACE, "", None, TTL)
        )
        one.deliveries.append((sequence, bus_time(time)))
    for identity, one in dues.items():
        kept = [each.time for each in truths[identity][0] if END - each.time <= RETENTION]
        if END - min(kept) > WINDOW:
            one.earlier = bus_time(min(kept))
    existing = {name for name, (_, all_) in truths.items() if any(life.removed is None for life in all_)}
    ended = {
        name
        for name, (_, all_) in truths.items()
        if any(life.ended is not None and END - HOUR < life.ended <= END for life in all_)
    }
    known = Evidence(
        NOW,
        tolerance(NOW + datetime.timedelta(seconds=skew), NOW),
        frozenset(("shop", each) for each in existing),
        frozenset(FAN_OUTS),
        frozenset(("ci", f"shop-{each}") for each in ended),
        {PLACE: at(END - applied)},
    )
    found = judge(dues.values(), known, GRACE)
    slack = 2 * known.tolerance.total_seconds() + 1
    for each in found:
        handlings, all_ = truths[each.due.identity]
        in_window = [one.time for one in handlings if END - one.time <= WINDOW]
        if each.code == "LOST":
            assert all(life.removed is not None for life in all_)  # nothing twice
            assert any(time >= applied for time in in_window)  # asked for by this declaration
            dropped = {one.time for one in handlings if END - one.time > RETENTION}
            for life in all_:
                if not any(abs(life.created - time) <= 100 for time in dropped):
                    assert not life.by_ttl  # nothing of the past
                if life.ended is not None and life.ended > END - HOUR:
                    pytest.fail("a run that had ended is built again")
        oldest = min(one.time for one in handlings if END - one.time <= RETENTION)
        provable = (
            not all_
            and any(applied + slack < time < END - GRACE.total_seconds() - slack for time in in_window)
            and min(time for time in in_window if time > applied - slack) > applied + slack
            and END - oldest < TTL - slack
        )
        if provable:
            assert each.code == "LOST"
    # The second round, after everything lost was created: nothing is missing.
    created = frozenset(each.due.key for each in found if each.code == "LOST")
    after = dataclasses.replace(known, existing=known.existing | created)
    assert not [each for each in judge(dues.values(), after, GRACE) if each.code == "LOST"]


# --- Evidence ------------------------------------------------------------------------------------------------------


def test_a_sensor_carries_what_it_would_be_applied_with() -> None:
    declared = plan()
    (sensor,) = declared.sensors
    (dependency,) = sensor.dependencies
    live = sensor_object(declared, sensor)
    assert carries(live, declared, sensor, dependency)
    assert not carries(None, declared, sensor, dependency)
    gone = {**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-11-27T07:00:00Z"}}
    assert not carries(gone, declared, sensor, dependency)
    for change in (("dependencies", "transform"), ("triggers", "template")):
        other = sensor_object(declared, sensor)
        other["spec"][change[0]][0].pop(change[1])
        assert not carries(other, declared, sensor, dependency)
    elsewhere = {**live, "spec": {**live["spec"], "eventBusName": "another"}}
    assert not carries(elsewhere, declared, sensor, dependency)
    # Another trigger beside it is no concern of this one.
    more = {**live["spec"], "triggers": [*live["spec"]["triggers"], {"template": {"name": "other"}}]}
    assert carries({**live, "spec": more}, declared, sensor, dependency)


def managed(*entries: Mapping[str, object]) -> dict[str, object]:
    return {"metadata": {"creationTimestamp": "2026-11-27T05:00:00Z", "managedFields": list(entries)}}


SPEC: dict[str, object] = {"f:metadata": {}, "f:spec": {"f:dependencies": {}}}


def test_a_declaration_is_as_old_as_the_last_change_of_its_spec() -> None:
    first = {"manager": "hookline", "time": "2026-11-27T05:00:00Z", "fieldsV1": SPEC}
    later = {"manager": "kubectl-edit", "time": "2026-11-27T06:30:00Z", "fieldsV1": SPEC}
    status = {"manager": "argo-events", "time": "2026-11-27T06:59:00Z", "fieldsV1": {"f:status": {}}}
    assert applied_since(managed(first, later, status)) == at(1800)
    assert applied_since(managed(first, status)) == at(7200)
    assert applied_since(managed(status)) is None
    assert applied_since(managed()) is None
    assert applied_since(managed(first, {"manager": "x", "fieldsV1": SPEC})) is None


def test_a_workflow_stays_as_long_as_its_shortest_ttl() -> None:
    own = {"ttlStrategy": {"secondsAfterCompletion": 86_400}}
    assert kept_seconds(own, {}) == 86_400
    assert kept_seconds(own, {"ttlStrategy": {"secondsAfterSuccess": 300}}) == 300
    assert kept_seconds(own, {"ttlStrategy": {"secondsAfterCompletion": 300}}) == 86_400
    assert kept_seconds({}, {"ttlStrategy": {"secondsAfterFailure": 0}}) == 0
    assert kept_seconds({}, {}) is None


def test_findings_are_in_the_order_of_the_events() -> None:
    found: list[Finding] = judge(
        [due(100, identity="c"), due(900, identity="a"), due(500, identity="b")], evidence(), GRACE
    )
    assert [each.due.identity for each in found] == ["a", "b", "c"]
