"""Several times of one schedule: what is created for each, and that a single one keeps every name it had."""

import datetime
from typing import Any

import pytest
from support import DECLARATION, plan

from documents.diagnostics import InvalidInput
from events.delivery import Refusal
from hookline.answers.incoming import EventOptions, incoming
from hookline.plan.objects import objects
from hookline.plan.planning import Plan

TIMES = '["0 2 * * *", "30 14 * * 1-5"]'


def planned(times: str, more: str = "", cluster: str = "") -> Plan:
    schedule = f"      schedule: {{at: {times}, timezone: Asia/Shanghai{more}}}\n"
    return plan(DECLARATION.replace("namespace: ci", f"namespace: ci{cluster}") + schedule)


def of_kind(made: Plan, kind: str) -> list[dict[str, Any]]:
    return [each for each in objects(made) if each["kind"] == kind]


def test_a_list_of_one_time_is_that_time_and_keeps_every_name() -> None:
    for cluster in ("", ", schedules: cron_workflow"):
        assert objects(planned('["0 2 * * *"]', cluster=cluster)) == objects(
            planned('"0 2 * * *"', cluster=cluster)
        )
    (source,) = [
        each for each in of_kind(planned('"0 2 * * *"'), "EventSource") if "calendar" in each["spec"]
    ]
    assert list(source["spec"]["calendar"]) == ["shop"]


def test_each_time_has_an_event_and_a_trigger_and_all_make_runs_of_one_identity() -> None:
    made = planned(TIMES)
    first, second = made.schedules_of("shop")
    assert first.name == "shop"
    assert second.name.startswith("shop-")
    (source,) = [each for each in of_kind(made, "EventSource") if "calendar" in each["spec"]]
    assert {name: each["schedule"] for name, each in source["spec"]["calendar"].items()} == {
        first.name: "0 2 * * *",
        second.name: "30 14 * * 1-5",
    }
    scheduled = [each for sensor in made.sensors for each in sensor.dependencies if each.program is None]
    assert [each.event_name for each in scheduled] == [first.name, second.name]
    assert {each.name for each in scheduled} == {f"schedule-{first.name}", f"schedule-{second.name}"}
    # Two times in one minute are one Workflow: its name is made of the pipeline and the minute.
    assert scheduled[0].creates == scheduled[1].creates


def test_a_further_time_leaves_the_first_ones_trigger_as_it_is() -> None:
    def triggers(made: Plan) -> dict[str, Any]:
        return {
            each.name: (each.event_name, each.creates)
            for sensor in made.sensors
            for each in sensor.dependencies
            if each.program is None
        }

    assert triggers(planned('"0 2 * * *"')).items() <= triggers(planned(TIMES)).items()


def test_each_time_has_a_cron_workflow_where_argo_workflows_fires() -> None:
    made = planned(TIMES, cluster=", schedules: cron_workflow")
    found = {each["metadata"]["name"]: each["spec"]["schedules"] for each in of_kind(made, "CronWorkflow")}
    assert found == {
        "shop": ["0 2 * * *"],
        made.schedules_of("shop")[1].name: ["30 14 * * 1-5"],
    }


def test_names_of_further_times_stay_within_a_label() -> None:
    name = "a" * 52
    made = plan(DECLARATION.replace("  shop:", f"  {name}:") + f"      schedule: {{at: {TIMES}}}\n")
    names = [each.name for sensor in made.sensors for each in sensor.dependencies]
    assert all(len(each) <= 63 for each in names)
    assert len({each.name for each in made.schedules_of(name)}) == 2


@pytest.mark.parametrize(
    ("now", "minute", "place"),
    [
        ("2026-11-24T18:00:00+00:00", "2026-11-24T18:00:00Z", 0),
        ("2026-11-24T06:30:00+00:00", "2026-11-24T06:30:00Z", 1),
    ],
)
def test_simulate_fires_whichever_time_names_the_minute(now: str, minute: str, place: int) -> None:
    made = planned(TIMES)
    options = EventOptions(now=datetime.datetime.fromisoformat(now))
    event = incoming(made, "schedule:shop", None, options)
    assert event.data["eventTime"] == minute
    assert event.event_name == made.schedules_of("shop")[place].name


def test_simulate_says_of_each_time_why_it_does_not_fire() -> None:
    options = EventOptions(now=datetime.datetime.fromisoformat("2026-11-24T19:00:00+00:00"))
    with pytest.raises(
        Refusal,
        match=r'"0 2 .* name this minute; "30 14 .* name this minute; it fires next on Wed 2026-11-25 14:30',
    ):
        incoming(planned(TIMES), "schedule:shop", None, options)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ('["0 2 * * *", "0 2 * * *"]', 'schedule.at: "0 2 * * *" stands here twice'),
        ("[]", "schedule.at: expected at least 1 item, not 0"),
        ('["0 2 * * *", "0 25 * * *"]', "schedule.at"),
    ],
)
def test_what_a_list_of_times_refuses(times: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        planned(times)
    (message,) = map(str, refused.value.diagnostics)
    assert expected in message


def test_a_pipeline_may_not_have_the_name_of_a_further_time() -> None:
    name = planned(TIMES).schedules_of("shop")[1].name
    _, _, shop = DECLARATION.partition("pipelines:\n")
    with pytest.raises(InvalidInput, match="which is a pipeline; rename that"):
        plan(DECLARATION + f"      schedule: {{at: {TIMES}}}\n" + shop.replace("  shop:", f"  {name}:", 1))
