"""A newer digest of the same tag takes over what an older fan-out has not started yet, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fan_out_site import FanOutSite, Request, fan_out, names
from structlog.testing import capture_logs

PACE = {"at_once": 20, "every": 30, "quiet": 0}
NEWER: dict[str, Any] = {"name": "fan-out-golang-2", "event": "2", "happened": 10, "created": 12}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FanOutSite]:
    found = FanOutSite(tmp_path)
    yield found
    found.close()


def test_what_has_not_started_is_left_to_a_newer_digest(site: FanOutSite) -> None:
    order = site.put(fan_out(50, pace=PACE))
    site.later(12.0, fan_out(50, pace=PACE, **NEWER))
    with capture_logs() as logs:
        assert site.executor(order).run() == []
    assert site.runs() == sorted(names(order)[:20])
    assert site.counts() == {"started": 20, "existing": 0, "replaced": 30, "refused": 0}
    assert site.progress.read_text() == "50/50"
    assert site.lines()[19:21] == [
        f"{names(order)[19]} started",
        f"{names(order)[20]} replaced by fan-out-golang-2",
    ]
    assert [each for each in logs if "newer" in each["event"]] == [
        {
            "event": "runs are left to a newer fan-out",
            "log_level": "info",
            "name": "fan-out-golang-2",
            "runs": 30,
        }
    ]


def test_two_digests_in_a_row_start_each_pipeline_for_the_newer_once(site: FanOutSite) -> None:
    quiet = {**PACE, "quiet": 60}
    older, newer = site.put(fan_out(50, pace=quiet)), site.put(fan_out(50, pace=quiet, **NEWER))
    for order in (older, newer):
        site.executor(order).run()
    assert site.runs() == sorted(names(newer))
    assert len(site.created) == 50


def test_pipelines_that_the_newer_order_does_not_hold_are_started(site: FanOutSite) -> None:
    """The newer event may have been decided by another declaration."""
    order = site.put(fan_out(["a", "b", "c", "d"]))
    site.put(fan_out(["b", "d", "e"], **NEWER))
    site.executor(order).run()
    assert site.runs() == [names(order)[0], names(order)[2]]
    assert site.counts() == {"started": 2, "existing": 0, "replaced": 2, "refused": 0}


def test_of_several_tags_in_one_delivery_each_is_replaced_by_its_own(site: FanOutSite) -> None:
    order = site.put(fan_out(["a", "b", "c"], refs={"b": "golang:1.27"}))
    site.put(fan_out(["b", "c"], refs={"c": "golang:1.27"}, **NEWER))
    site.put(fan_out(["b"], ref="golang:1.27", **{**NEWER, "name": "fan-out-golang-3", "event": "3"}))
    site.executor(order).run()
    assert [each.rpartition(" ")[2] for each in site.lines()] == ["started", "fan-out-golang-3", "started"]


def test_a_pipeline_of_another_namespace_is_another_one(site: FanOutSite) -> None:
    order = site.put(fan_out(["a", "b"], namespaces=("ci", "team")))
    site.put(fan_out(["a", "b"], namespaces=("team", "team"), **NEWER))
    site.executor(order).run()
    assert site.runs() == [names(order)[0]]


@pytest.mark.parametrize(
    "other",
    [
        {"ref": "golang:1.27"},
        {"source": "harbor"},
        {"event": "1"},
        {"happened": -10},
        {"kind": "push"},
    ],
    ids=["another tag", "another registry", "the same event", "an older one", "another kind"],
)
def test_nothing_is_left_to(site: FanOutSite, other: dict[str, Any]) -> None:
    order = site.put(fan_out(5))
    site.put(fan_out(5, **{**NEWER, **other}))
    site.executor(order).run()
    assert site.runs() == sorted(names(order))


def test_an_older_event_that_is_delivered_after_the_newer_one_starts_nothing(site: FanOutSite) -> None:
    newer = site.put(fan_out(5, happened=100, created=101, name="fan-out-golang-2", event="2"))
    older = site.put(fan_out(5, happened=50, created=200))
    site.executor(newer).run()
    site.executor(older).run()
    assert site.runs() == sorted(names(newer))
    assert site.counts() == {"started": 0, "existing": 0, "replaced": 5, "refused": 0}


@pytest.mark.parametrize(("created", "name"), [(7, "fan-out-golang-0"), (0, "fan-out-golang-2")])
def test_of_events_of_one_second_exactly_one_is_the_newest(
    site: FanOutSite, created: float, name: str
) -> None:
    """By the time of the Workflow, then by its name."""
    first = site.put(fan_out(5))
    second = site.put(fan_out(5, name=name, event="2", created=created))
    for order in (first, second):
        site.executor(order).run()
    assert site.runs() == sorted(names(second))


def test_of_three_each_pipeline_is_started_by_the_newest_that_holds_it(site: FanOutSite) -> None:
    one = site.put(fan_out(["a", "b", "c"]))
    two = site.put(fan_out(["a", "b"], **NEWER))
    three = site.put(fan_out(["a"], **{**NEWER, "name": "fan-out-golang-3", "event": "3", "happened": 20}))
    for order in (one, two, three):
        site.executor(order).run()
    assert site.runs() == sorted([names(one)[2], names(two)[1], names(three)[0]])


def test_a_newer_one_that_is_being_deleted_or_cannot_be_read_takes_nothing(site: FanOutSite) -> None:
    order = site.put(fan_out(5))
    dying = fan_out(5, **NEWER)
    dying["metadata"]["deletionTimestamp"] = "2026-11-27T06:00:20Z"
    site.put(dying)
    broken = fan_out(5, **{**NEWER, "name": "fan-out-golang-3", "event": "3"})
    broken["spec"]["arguments"]["parameters"][0]["value"] = "{}"
    site.put(broken)
    timeless = fan_out(5, **{**NEWER, "name": "fan-out-golang-4", "event": "4"})
    timeless["metadata"]["annotations"]["hookline.dev/event-time"] = "soon"
    site.put(timeless)
    with capture_logs() as logs:
        site.executor(order).run()
    assert site.runs() == sorted(names(order))
    assert [each["name"] for each in logs if each["event"] == "nothing is left to a newer fan-out"] == [
        "fan-out-golang-3"
    ]


def test_pushes_of_code_replace_nothing_and_ask_nothing(site: FanOutSite) -> None:
    order = site.put(fan_out(5, kind="push"))
    site.put(fan_out(5, **{**NEWER, "kind": "push"}))
    site.executor(order).run()
    assert site.runs() == sorted(names(order))
    assert not [path for _, method, path in site.asked if method == "GET" and path.endswith("/workflows")]


def test_runs_that_exist_already_are_not_said_to_be_replaced(site: FanOutSite) -> None:
    """A pod before this one had made three of them when it was killed."""
    order = site.put(fan_out(8))
    for name in names(order)[:3]:
        run = next(each for each in site.executor(order).tally.of("waiting") if each[0].place == name)[0]
        site.put(
            {
                **run.manifest,
                "metadata": {**run.manifest["metadata"], "creationTimestamp": "2026-11-27T06:00:00Z"},
            }
        )
    site.put(fan_out(8, **NEWER))
    site.executor(order).run()
    assert site.counts() == {"started": 0, "existing": 3, "replaced": 5, "refused": 0}


def test_refused_runs_are_left_to_a_newer_digest_too(site: FanOutSite) -> None:
    order = site.put(fan_out(5))
    site.fault = lambda request: request.creates("app-0002") and request.answer(422, "Invalid", "no")
    site.later(45.0, fan_out(5, **NEWER))
    assert site.executor(order).run() == []
    assert site.counts() == {"started": 4, "existing": 0, "replaced": 1, "refused": 0}


def test_who_may_not_look_for_newer_ones_starts_everything_and_says_so_once(site: FanOutSite) -> None:
    order = site.put(fan_out(50, pace=PACE))
    site.put(fan_out(50, **NEWER))

    def fault(request: Request) -> bool:
        listing = request.method == "GET" and request.path.endswith("/workflows")
        return listing and request.answer(403, "Forbidden", "no")

    site.fault = fault
    with capture_logs() as logs:
        site.executor(order).run()
    assert site.runs() == sorted(names(order))
    assert len([each for each in logs if each["event"] == "newer events cannot be looked for"]) == 1
