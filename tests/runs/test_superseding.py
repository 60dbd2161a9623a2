"""Which runs a newer commit supersedes."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.superseding import LONGEST_SECONDS, Attempt, Subject, superseded

NOW = 1_800_000_000.0
SUBJECT = Subject("ci", "shop", "github", "acme/shop", "refs/pull/7/")
OLD = Attempt("old", SUBJECT, "a" * 40, NOW - 60, ended=False)
NEW = Attempt("new", SUBJECT, "b" * 40, NOW - 30, ended=False)
OTHERS = [replace(SUBJECT, **{field: "other"}) for field in Subject.__slots__]
ATTEMPTS = st.lists(
    st.builds(
        Attempt,
        uid=st.uuids().map(str),
        subject=st.sampled_from([SUBJECT, *OTHERS]),
        sha=st.sampled_from("abc").map(lambda letter: letter * 40),
        event_time=st.integers(0, 12).map(lambda days: NOW - days * 86_400.0),
        ended=st.booleans(),
    ),
    unique_by=lambda each: each.uid,
    max_size=12,
)


def test_a_newer_commit_supersedes_an_older_one() -> None:
    assert superseded([OLD, NEW], NOW) == {"old": NEW.sha}


def test_a_newer_run_that_has_ended_still_supersedes() -> None:
    assert superseded([OLD, replace(NEW, ended=True)], NOW) == {"old": NEW.sha}


def test_an_ended_run_is_left_alone() -> None:
    assert superseded([replace(OLD, ended=True), NEW], NOW) == {}


def test_a_second_delivery_of_a_commit_supersedes_nothing_of_it() -> None:
    assert superseded([OLD, replace(NEW, sha=OLD.sha)], NOW) == {}


def test_of_two_events_of_one_moment_neither_supersedes() -> None:
    assert superseded([OLD, replace(NEW, event_time=OLD.event_time)], NOW) == {}


@pytest.mark.parametrize("subject", OTHERS)
def test_runs_of_different_subjects_leave_each_other_alone(subject: Subject) -> None:
    assert superseded([OLD, replace(NEW, subject=subject)], NOW) == {}


@pytest.mark.parametrize(("age", "stops"), [(LONGEST_SECONDS, True), (LONGEST_SECONDS + 1, False)])
def test_a_run_of_an_event_older_than_seven_days_is_left_alone(age: float, *, stops: bool) -> None:
    assert ("old" in superseded([replace(OLD, event_time=NOW - age), NEW], NOW)) is stops


@given(ATTEMPTS, st.randoms())
def test_any_order_of_arrival_leads_to_the_same_set(attempts: list[Attempt], order: random.Random) -> None:
    shuffled = list(attempts)
    order.shuffle(shuffled)
    assert superseded(shuffled, NOW) == superseded(attempts, NOW)


@given(ATTEMPTS)
def test_no_newest_run_and_no_run_of_the_newest_commit_is_ever_stopped(attempts: list[Attempt]) -> None:
    found = superseded(attempts, NOW)
    for each in attempts:
        if each.uid in found:
            newest = max(other.event_time for other in attempts if other.subject == each.subject)
            assert each.event_time < newest
            assert found[each.uid] != each.sha
            assert not each.ended
