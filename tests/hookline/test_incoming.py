"""What stands after -e: which source receives it, and whether a schedule fires then."""

import datetime
import json
import zoneinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import go_template, payload, plan

from events.delivery import DeliveryError, Refusal
from hookline.answers.incoming import EventOptions, incoming, read_files
from hookline.answers.simulation import result_of, simulate
from hookline.plan.planning import Plan

SOURCES = """\
version: 1
sources:
  gitea: {host: gitea, endpoint: /gitea, secret: {name: gitea-webhook, key: secret}}
  harbor: {host: harbor, endpoint: /harbor, secret: {name: harbor-webhook, key: token}}
defaults: {run: {template: hookline-ci-go}}
pipelines:
  shop:
    repository: {source: gitea, name: gitea/test, url: https://git.example.com/gitea/test.git}
    image: registry.example.com/acme/shop
    events:
      push: {}
      image_push: {source: harbor, image: library/base}
      schedule: {at: "30 2 * * 1-5", timezone: Asia/Shanghai, except: [2026-11-26], SPREAD missed: {within: 3h}}
"""


def made(spread: str = "") -> Plan:
    return plan(SOURCES.replace("SPREAD", f"spread: {spread}," if spread else ""), go_template())


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def fired(now: str | None, spread: str = "") -> str:
    options = EventOptions(now=at(now) if now else None)
    found = made(spread)
    event = incoming(found, "schedule:shop", None, options)
    result = result_of(simulate(found, event), found, event, "shop")
    assert (result.verdict, result.reason) == ("run", "MATCH")
    return event.context["time"]


def next_of_shop(now: datetime.datetime) -> datetime.datetime:
    """The first 02:30 in Shanghai after a time, Monday to Friday, that is not of 26 November 2026."""
    first = now.astimezone(zoneinfo.ZoneInfo("Asia/Shanghai")).replace(
        hour=2, minute=30, second=0, microsecond=0
    )
    days = (first + datetime.timedelta(days=day) for day in range(9))
    return next(
        each
        for each in days
        if each > now and each.weekday() < 5 and each.date() != datetime.date(2026, 11, 26)
    )


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ("2026-11-25T18:30:00Z", r"does not fire at 2026-11-26 02:30 \+0800: except: excludes this day; it fires next on Fri 2026-11-27 02:30"),
        ("2026-11-29T04:00:00Z", r'at 2026-11-29 12:00 \+0800: "30 2 \* \* 1-5" in Asia/Shanghai does not name this minute; it fires next on Mon'),
        ("2026-11-24T18:31:00Z", "does not name this minute"),
        ("2026-11-24T18:29:59Z", "does not name this minute"),
    ],
)  # fmt: skip
def test_a_schedule_does_not_fire_on_an_excluded_day_or_another_minute(now: str, message: str) -> None:
    with pytest.raises(Refusal, match=message) as refusal:
        fired(now)
    assert refusal.value.reason == "SCHEDULE"


def test_a_schedule_fires_in_its_minute_and_without_a_time_at_its_next_one() -> None:
    assert fired("2026-11-24T18:30:00Z") == "2026-11-24T18:30:00Z"
    assert fired("2026-11-25T02:30:42+08:00") == "2026-11-24T18:30:42Z"
    before = datetime.datetime.now(datetime.UTC)
    found = at(fired(None))
    assert found in {next_of_shop(each) for each in (before, datetime.datetime.now(datetime.UTC))}


def test_a_spread_schedule_fires_in_the_minute_to_which_it_is_moved() -> None:
    offset = made("20m").schedules["shop"].offset_minutes
    assert offset
    assert fired(f"2026-11-24T18:{30 + offset}:00Z", "20m")
    with pytest.raises(Refusal, match=f"moved by {offset} minutes"):
        fired("2026-11-24T18:30:00Z", "20m")


@given(minutes=st.integers(0, 60 * 24 * 21))
def test_simulate_fires_where_next_lists_a_fire_time(minutes: int) -> None:
    schedule = made().schedules["shop"]
    time = at("2026-11-20T00:00:00Z") + datetime.timedelta(minutes=minutes)
    listed = [
        when.astimezone(datetime.UTC)
        for when, excluded in _until(schedule, time - datetime.timedelta(days=1), time)
        if not excluded
    ]
    assert (schedule.silence(time) is None) == (time in listed)


def _until(schedule: Any, after: datetime.datetime, until: datetime.datetime) -> Any:
    for time, excluded in schedule.fire_times(after):
        if time > until:
            return
        yield time, excluded


def test_the_next_fire_time_passes_over_excluded_days() -> None:
    text = SOURCES.replace("SPREAD", "").replace('"30 2 * * 1-5"', '"* * * * *"')
    schedule = plan(text.replace("2026-11-26", "2026-11-26..2027-11-26"), go_template()).schedules["shop"]
    found = schedule.next_fire(at("2026-11-26T05:00:00Z"))
    assert found is not None
    assert found.isoformat() == "2027-11-27T00:00:00+08:00"


def received(value: Any, **options: Any) -> str:
    found = made()
    event = incoming(found, "-", json.dumps(value).encode(), EventOptions(**options))
    return f"{event.event_name} {simulate(found, event).event['kind']}"


HARBOR_EVENT = {
    "specversion": "1.0", "id": "u1", "source": "/projects/2/webhook/policies/15", "type": "harbor.artifact.pushed",
    "data": payload("harbor/push_artifact")["event_data"],
}  # fmt: skip


def test_a_cloud_event_of_harbor_reads_as_the_cluster_receives_it() -> None:
    assert received(HARBOR_EVENT, source="harbor") == "harbor image_push"
    binary = {"Ce-Type": HARBOR_EVENT["type"], "Ce-Specversion": "1.0"}
    assert received(HARBOR_EVENT["data"], source="harbor", headers=binary) == "harbor image_push"
    assert received(HARBOR_EVENT) == "harbor image_push"


@pytest.mark.parametrize("name", ["X-Forgejo-Event", "X-Gitea-Event", "x-forgejo-event"])
def test_every_spelling_of_the_event_s_header_that_the_cluster_reads_is_read(name: str) -> None:
    assert received(payload("gitea/push"), source="gitea", headers={name: "push"}) == "gitea push"


def test_a_delivery_without_the_event_s_header_is_answered_with_what_to_give() -> None:
    with pytest.raises(DeliveryError, match="--header 'X-Gitea-Event: push'"):
        received(payload("gitea/push"), source="gitea")


def test_names_of_changed_files_end_where_lines_end() -> None:
    assert read_files("a\x85b\r\nc\u2028d\n\ne\x0bf".encode()) == ["a\x85b", "c\u2028d", "e\x0bf"]


@pytest.mark.parametrize("text", ["[" * 5000, "[" * 20_000 + "]" * 20_000, "[[" * 3000 + "]]" * 3000, "[1]"])
def test_a_list_of_files_that_is_none_gets_a_sentence(text: str) -> None:
    with pytest.raises(DeliveryError, match="JSON list"):
        read_files(text.encode())
