"""Several times of one schedule: what is created for each, and that a single one keeps every name it had."""

import datetime
from typing import Any

import pytest
from support import DECLARATION, plan

from documents.diagnostics import InvalidInput
from events.delivery import DeliveryError, Refusal
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import simulate
from hookline.plan.objects import objects
from hookline.plan.planning import Plan

TIMES = '["0 2 * * *", "30 14 * * 1-5"]'


def planned(times: str, more: str = "", cluster: str = ", schedules: calendar") -> Plan:
    schedule = f"      schedule: {{at: {times}, timezone: Asia/Shanghai{more}}}\n"
    return plan(DECLARATION.replace("namespace: ci", f"namespace: ci{cluster}") + schedule)


def of_kind(made: Plan, kind: str) -> list[dict[str, Any]]:
    return [each for each in objects(made) if each["kind"] == kind]


def test_a_list_of_one_time_is_that_time_and_keeps_every_name() -> None:
    for cluster in ("", ", schedules: calendar", ", schedules: cron_workflow"):
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


# --- several schedules ----------------------------------------------------------------------------------------------

SEVERAL = """\
      schedule:
        - {at: "0 2 * * *", timezone: Asia/Shanghai}
        - {name: weekly, at: ["0 2 * * 0", "0 3 * * 0"], branch: release}
"""


def several(old: str = "", new: str = "", cluster: str = ", schedules: calendar") -> Plan:
    assert old in SEVERAL
    return plan(
        DECLARATION.replace("namespace: ci", f"namespace: ci{cluster}") + SEVERAL.replace(old, new, 1)
    )


def branch_of(made: dict[str, Any]) -> str:
    parameters = made["arguments"]["parameters"]
    return str(next(each["value"] for each in parameters if each["name"] == "target_branch"))


def test_each_of_several_schedules_has_its_own_zone_branch_and_name() -> None:
    made = several()
    found = [(each.name, each.schedule, each.timezone, each.branch) for each in made.schedules_of("shop")]
    assert found[:2] == [
        ("shop", None, "Asia/Shanghai", "main"),
        ("shop-weekly", "weekly", "UTC", "release"),
    ]
    assert len({name for name, *_ in found}) == 3
    fired = {
        each.event_name: each.creates.resource
        for sensor in made.sensors
        for each in sensor.dependencies
        if each.program is None
    }
    assert {name: branch_of(each["spec"]) for name, each in fired.items()} == {
        name: branch for name, _, _, branch in found
    }


def test_several_schedules_are_cron_workflows_with_their_own_branch() -> None:
    made = several(cluster=", schedules: cron_workflow")
    found = {each["metadata"]["name"]: each["spec"] for each in of_kind(made, "CronWorkflow")}
    assert branch_of(found["shop"]["workflowSpec"]) == "main"
    assert branch_of(found["shop-weekly"]["workflowSpec"]) == "release"
    assert (found["shop"]["timezone"], found["shop-weekly"]["timezone"]) == ("Asia/Shanghai", "UTC")


def test_two_branches_in_one_minute_are_two_runs_and_one_branch_is_one() -> None:
    options = EventOptions(now=datetime.datetime.fromisoformat("2026-11-29T02:00:00+00:00"))

    def name(made: Plan, schedule: str) -> Any:
        found = simulate(made, incoming(made, f"schedule:shop{schedule}", None, options))
        (run,) = [each.workflow for each in found.results if each.workflow is not None]
        return run["metadata"]["name"]

    two = several("Asia/Shanghai", "UTC")
    assert name(two, "") != name(two, "/weekly")
    one = plan(DECLARATION + SEVERAL.replace("Asia/Shanghai", "UTC").replace("release", "main"))
    assert name(one, "") == name(one, "/weekly")


def test_a_further_schedule_leaves_the_first_ones_trigger_as_it_is() -> None:
    text = DECLARATION.replace("namespace: ci", "namespace: ci, schedules: calendar")
    alone = plan(text + SEVERAL.partition("        - {name")[0])
    first = [each for sensor in alone.sensors for each in sensor.dependencies if each.program is None]
    every = [each for sensor in several().sensors for each in sensor.dependencies if each.program is None]
    assert first[0] in every


def test_simulate_takes_the_name_of_one_of_several_schedules() -> None:
    made, now = several(), datetime.datetime.fromisoformat("2026-11-24T00:00:00+00:00")
    assert incoming(
        made, "schedule:shop/weekly", None, EventOptions(now=now + datetime.timedelta(days=5, hours=3))
    ).event_name not in {"shop", "shop-weekly"}
    with pytest.raises(DeliveryError, match='"shop" has no schedule named "monthly"; named: weekly'):
        incoming(made, "schedule:shop/monthly", None, EventOptions(now=now))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: weekly, ", "", ":13:9: error: pipelines.shop.events.schedule: all but one of several schedules need a name"),
        ("{at:", "{name: weekly, at:", 'pipelines.shop.events.schedule: two schedules are named "weekly"'),
        ("release", '"-x"', "pipelines.shop.events.schedule.1.branch: "),
        ("release", "release, evry: x", "pipelines.shop.events.schedule.1.evry: unknown key"),
        ("name: weekly", "name: Weekly", "pipelines.shop.events.schedule.1.name: "),
        ("timezone: Asia/Shanghai", "spread: 2h, missed: {within: 1}", "pipelines.shop.events.schedule.0.missed.within: "),
        ("timezone: Asia/Shanghai", "spread: 25h", "pipelines.shop.events.schedule.0.spread: "),
    ],
)  # fmt: skip
def test_what_several_schedules_refuse_stands_at_its_line(old: str, new: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        several(old, new)
    (message,) = map(str, refused.value.diagnostics)
    assert expected in message


def test_a_mapping_of_schedules_is_answered_with_the_list() -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(DECLARATION + '      schedule: {nightly: {at: "0 2 * * *"}}\n')
    (message,) = map(str, refused.value.diagnostics)
    assert "schedule.nightly: expected a list of schedules, such as [{name: nightly, at: …}]" in message


def test_two_pipelines_may_not_have_a_schedule_of_one_event_name() -> None:
    _, _, shop = DECLARATION.partition("pipelines:\n")
    other = (
        shop.replace("  shop:", "  shop-a:", 1)
        .replace("acme/shop", "acme/other")
        .replace("shop.git", "other.git")
    )
    text = (
        DECLARATION
        + '      schedule: {name: a-b, at: "0 2 * * *"}\n'
        + other
        + '      schedule: {name: b, at: "0 2 * * *"}\n'
    )
    with pytest.raises(InvalidInput, match="would have the name shop-a-b, which a schedule of shop has"):
        plan(text)


def test_a_pipeline_may_not_have_the_name_of_a_further_time() -> None:
    name = planned(TIMES).schedules_of("shop")[1].name
    _, _, shop = DECLARATION.partition("pipelines:\n")
    with pytest.raises(InvalidInput, match="which a pipeline has; rename that"):
        plan(DECLARATION + f"      schedule: {{at: {TIMES}}}\n" + shop.replace("  shop:", f"  {name}:", 1))
