"""Who fires a schedule: a CronWorkflow, which costs no pod, unless the schedule needs what only the calendar has."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import DECLARATION, plan

from documents.diagnostics import InvalidInput
from events.delivery import DeliveryError
from hookline.answers.explanation import explain
from hookline.answers.impact import compare, same_event
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import simulate
from hookline.applying.changes import in_order
from hookline.applying.leaving import deletions, leaving
from hookline.applying.object_name import ObjectName
from hookline.cli import main
from hookline.plan.objects import objects
from hookline.plan.planning import Plan
from hookline.plan.pods import calendar_note, changes, pods_needed

HEAD = """\
version: 1
cluster: {namespace: ci, event_bus: {replicas: 1}SETTINGS}
defaults: {run: {template: hookline-ci-go}}
pipelines:
"""
NOW = datetime.datetime.fromisoformat("2026-11-25T02:00:00+00:00")


def written(*schedules: str, cluster: str = "", more: str = "") -> str:
    """A declaration of pipelines p-0, p-1 and so on, with a schedule each."""
    return HEAD.replace("SETTINGS", f", {cluster}" if cluster else "") + "".join(
        f"""\
  p-{number}:
    repository: {{name: acme/r-{number}, url: "https://git.example.com/acme/r-{number}.git"}}
    image: registry.example.com/acme/r-{number}
    events: {{schedule: {schedule}}}
{more}"""
        for number, schedule in enumerate(schedules)
    )


def planned(*schedules: str, cluster: str = "", more: str = "") -> Plan:
    return plan(written(*schedules, cluster=cluster, more=more))


def fired_by(made: Plan) -> tuple[set[str], set[str]]:
    """The schedules that CronWorkflows fire, and those that calendars fire, as the objects say."""
    found = objects(made)
    crons = {each["metadata"]["name"] for each in found if each["kind"] == "CronWorkflow"}
    sources = [each["spec"] for each in found if each["kind"] == "EventSource"]
    return crons, {name for spec in sources for name in spec.get("calendar", {})}


# --- The choice -------------------------------------------------------------------------------------------------------


def test_300_schedules_of_300_minutes_take_the_three_pods_of_the_bus_and_no_other() -> None:
    times = [f"{number % 60} {number // 60} * * *" for number in range(300)]
    text = written(*(f'{{at: "{each}", branch: main}}' for each in times))
    made = plan(text.replace("event_bus: {replicas: 1}", "name: hookline"))
    assert len({each.cron.text for each in made.schedules.values()}) == 300
    assert [(each.kind, each.count) for each in pods_needed(made).rows] == [("EventBus", 3)]
    assert len(fired_by(made)[0]) == 300


NEEDS = [
    ('{at: "0 2 * * *", branch: main, except: [2026-12-31]}', "", {"p-0": "except"}),
    ('{at: "0 2 * * *", branch: main}', "    suspended: {because: x, until: 2120-01-01}\n", {"p-0": "suspended.until"}),
    ('{at: ["0 2 * * *", "0 2 * * 0"], branch: main}', "", {"p-0": "one run for two times in one minute"}),
    (
        '[{at: "0 2 * * *", branch: main}, {name: east, at: "0 10 * * *", timezone: Asia/Shanghai, branch: main}]',
        "",
        {"p-0": "one run for two times in one minute", "p-0-east": "one run for two times in one minute"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "more", "reasons"), NEEDS)
def test_what_only_the_calendar_has_keeps_a_schedule_there(
    schedule: str, more: str, reasons: dict[str, str]
) -> None:
    made = planned(schedule, more=more)
    assert made.on_calendar.items() >= reasons.items()
    assert set(made.on_calendar.values()) == set(reasons.values())
    assert fired_by(made) == (set(), set(made.schedules))


@pytest.mark.parametrize(
    "schedule",
    [
        '{at: "0 2 * * *", branch: main, missed: {within: 3h}}',
        '{at: "0 2 * * *", timezone: Asia/Kathmandu, branch: main, missed: {within: 3h}}',
        '{at: "0 2 * * *", branch: main, spread: 20m}',
        '{at: ["0 2 * * 1-5", "0 2 * * 6"], branch: main}',
        '[{at: "0 2 * * *", branch: main}, {name: weekly, at: "0 2 * * 0", branch: release}]',
        '[{at: "0 2 * * *", branch: main}, {name: race, at: "0 2 * * 0", branch: main, publish: false}]',
    ],
)
def test_everything_else_is_a_cron_workflow(schedule: str) -> None:
    made = planned(schedule)
    assert (made.on_calendar, made.sensors) == ({}, ())
    assert fired_by(made) == (set(made.schedules), set())


def test_a_suspension_without_an_end_is_the_cron_workflows_own() -> None:
    made = planned('{at: "0 2 * * *", branch: main}', more="    suspended: {because: x}\n")
    (cron,) = (each for each in objects(made) if each["kind"] == "CronWorkflow")
    assert cron["spec"]["suspend"] is True


def test_each_schedule_of_a_pipeline_is_chosen_for_and_pipelines_are_mixed() -> None:
    made = planned(
        '[{at: "0 2 * * *", branch: main, except: [2026-12-31]}, {name: noon, at: "0 12 * * *", branch: main}]',
        '{at: "0 3 * * *", branch: main}',
    )
    assert fired_by(made) == ({"p-0-noon", "p-1"}, {"p-0"})
    assert [(each.kind, each.count) for each in pods_needed(made).rows] == [
        ("EventBus", 1),
        ("EventSource", 1),
        ("Sensor", 1),
    ]


def test_a_calendar_that_is_asked_for_fires_all_and_one_that_is_ruled_out_fires_none() -> None:
    plain, days = '{at: "0 2 * * *", branch: main}', '{at: "0 3 * * *", branch: main, except: [2026-12-31]}'
    assert fired_by(planned(plain, days, cluster="schedules: calendar")) == (set(), {"p-0", "p-1"})
    assert fired_by(planned(plain, plain, cluster="schedules: cron_workflow")) == ({"p-0", "p-1"}, set())
    for cluster in ("schedules: cron_workflow", "platform: ack-one", "platform: ack-one, allow: [calendar]"):
        with pytest.raises(InvalidInput, match="a CronWorkflow has no exclusion dates"):
            planned(days, cluster=cluster)


def test_a_zone_that_the_calendar_cannot_read_again_is_refused_where_it_has_to_fire() -> None:
    zone = '{at: "0 2 * * *", timezone: Asia/Kathmandu, branch: main, missed: {within: 3h}, except: [2026-12-31]}'
    with pytest.raises(InvalidInput, match="cannot read that after a restart") as refused:
        planned(zone)
    assert "cluster.schedules" not in str(refused.value)


# --- What people are told ---------------------------------------------------------------------------------------------


def test_the_reasons_are_told_with_names_and_pods_unless_the_calendar_was_asked_for() -> None:
    days = '{at: "0 2 * * *", branch: main, except: [2026-12-31]}'
    twice = '{at: ["0 2 * * *", "0 2 * * 0"], branch: main}'
    assert calendar_note(planned(days, '{at: "0 2 * * *", branch: main}')) == (
        "the calendar event source fires 1 of 2 schedules, which takes 2 pods: except of p-0"
    )
    many = calendar_note(planned(*[days] * 5, twice))
    assert many.startswith(
        "the calendar event source fires 7 of 7 schedules, which takes 2 pods: "
        "except of p-0, p-1, p-2 and 2 more; one run for two times in one minute of p-5, p-5-"
    )
    assert calendar_note(planned('{at: "0 2 * * *", branch: main}')) == ""
    assert calendar_note(planned(days, cluster="schedules: calendar")) == ""


def hookline(folder: Path, text: str, *arguments: str) -> Result:
    (folder / "hookline.yaml").write_text(text, "utf-8")
    return CliRunner().invoke(main, [*arguments, str(folder / "hookline.yaml")])


def test_validate_and_render_say_why_pods_are_needed(tmp_path: Path) -> None:
    text = written('{at: "0 2 * * *", branch: main, except: [2026-12-31]}', '{at: "0 2 * * *", branch: main}')
    assert hookline(tmp_path, text, "validate").output.splitlines() == [
        "2 pipelines, 0 sources: valid; 3 pods",
        "the calendar event source fires 1 of 2 schedules, which takes 2 pods: except of p-0",
    ]
    assert (
        '"calendar": {\n    "p-0": "except"\n  }' in hookline(tmp_path, text, "validate", "-o", "json").output
    )
    pods = hookline(tmp_path, text, "render", "--pods").output
    assert "1 schedule (except of p-0)" in pods
    unused = hookline(tmp_path, written('{at: "0 2 * * *", branch: main}'), "render", "--pods").output
    assert "which nothing here uses: event_bus: {create: false} leaves them out" in unused
    assert "nothing here uses" not in pods


# --- Its event, offline -----------------------------------------------------------------------------------------------


def test_the_run_of_a_cron_workflow_is_told_as_argo_makes_it() -> None:
    """argo-workflows workflow/cron/operator.go getChildWorkflowName, workflow/common/convert.go."""
    made = planned('{at: "0 2 * * *", branch: main}', '{at: "0 4 * * *", branch: main}')
    event = incoming(made, "schedule:p-0", None, EventOptions(now=NOW))
    found = simulate(made, event)
    (result,) = found.results
    assert (result.verdict, result.sensor, result.cron_workflow) == ("run", None, "p-0")
    assert found.others == {"SOURCE": 1}
    run = result.workflow
    assert run is not None
    assert run["metadata"]["name"] == "p-0-1795572000"
    assert run["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"] == "p-0"
    assert run["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"] == "2026-11-25T02:00:00Z"
    (cron, _) = (each for each in objects(made) if each["kind"] == "CronWorkflow")
    assert run["spec"] == cron["spec"]["workflowSpec"]
    assert run["metadata"]["labels"].items() >= cron["spec"]["workflowMetadata"]["labels"].items()
    (judgement,) = explain(made, event, "p-0").clauses
    assert (judgement.code, judgement.detail) == ("MATCH", "a CronWorkflow starts its pipeline")
    with pytest.raises(DeliveryError, match="this event is of the kind schedule"):
        simulate(made, event, ["a"])


def test_a_suspended_one_starts_nothing_and_the_reason_is_told() -> None:
    made = planned(
        '{at: "0 2 * * *", branch: main}', more="    suspended: {because: the registry is moved}\n"
    )
    event = incoming(made, "schedule:p-0", None, EventOptions(now=NOW))
    (result,) = simulate(made, event).results
    assert (result.verdict, result.reason, result.workflow) == ("skip", "SUSPENDED", None)
    (judgement,) = explain(made, event, "p-0").clauses
    assert (judgement.code, judgement.result, judgement.detail) == (
        "SUSPENDED",
        "FAIL",
        "the registry is moved",
    )


def test_runs_of_both_have_what_exporter_and_people_tell_them_by() -> None:
    both = [
        planned('{at: "0 2 * * *", branch: main}', cluster=f"schedules: {carrier}")
        for carrier in ("calendar", "cron_workflow")
    ]

    def run(made: Plan) -> Any:
        (result,) = simulate(made, incoming(made, "schedule:p-0", None, EventOptions(now=NOW))).results
        return result.workflow

    first, second = map(run, both)
    assert first["spec"] == second["spec"]
    for name in ("pipeline", "config", "event-kind"):
        assert first["metadata"]["labels"][f"hookline.dev/{name}"] == second["metadata"]["labels"][f"hookline.dev/{name}"]  # fmt: skip
    for name in ("repository", "reason"):
        assert first["metadata"]["annotations"][f"hookline.dev/{name}"] == second["metadata"]["annotations"][f"hookline.dev/{name}"]  # fmt: skip


# --- From one to the other --------------------------------------------------------------------------------------------


def test_a_move_names_the_cron_workflow_and_what_to_delete() -> None:
    plain = '{at: "0 2 * * *", branch: main}'
    old, new = planned(plain, cluster="schedules: calendar"), planned(plain)
    moved = {each.effect for each in changes(old, new) if each.what == "pipeline"}
    assert moved == {"moves from hookline-schedules/schedule-p-0 to CronWorkflow p-0"}
    gone = [str(each.name) for each in leaving(objects(old), objects(new))]
    assert gone[:2] == ["eventsource.argoproj.io/hookline-calendar", "sensor.argoproj.io/hookline-schedules"]
    back = {each.effect for each in changes(new, old) if each.what == "pipeline"}
    assert back == {"moves from CronWorkflow p-0 to hookline-schedules/schedule-p-0"}


def test_a_cron_workflow_is_there_before_a_sensor_stops_to_carry_its_schedule() -> None:
    made = planned('{at: "0 2 * * *", branch: main, except: [2026-12-31]}', '{at: "0 3 * * *", branch: main}')
    applied = [each.kind for each in in_order(map(ObjectName.of, objects(made)))]
    printed = [each["kind"] for each in objects(made)]
    for kinds in (applied, printed):
        assert kinds.index("CronWorkflow") < kinds.index("Sensor")


def test_the_runs_of_a_cron_workflow_outlive_it() -> None:
    """Argo makes it their owner, so that the garbage collector would end those under way."""
    plain = '{at: "0 2 * * *", branch: main}'
    lines = list(deletions(leaving(objects(planned(plain, plain)), objects(planned(plain)))))
    assert lines == ["kubectl delete --cascade=orphan -n ci cronworkflow.argoproj.io/p-1"]


def test_a_run_stays_as_long_as_its_ttl_says_whoever_fires() -> None:
    (cron,) = (each for each in objects(planned('{at: "* * * * *", branch: main}')) if each["kind"] == "CronWorkflow")  # fmt: skip
    limits = {cron["spec"][f"{how}JobsHistoryLimit"] for how in ("successful", "failed")}
    assert min(limits) > 7 * 24 * 60  # a week of a schedule of every minute


def test_impact_compares_the_same_fire_time_under_both() -> None:
    plain = '{at: "0 2 * * *", branch: main}'
    old, new = planned(plain, cluster="schedules: calendar"), planned(plain)
    event = incoming(old, "schedule:p-0", None, EventOptions(now=NOW))
    assert same_event(new, event).event_source not in new.calendars
    (change,) = compare(old, new, event).changes
    assert change.effect == "other Workflow"
    assert {each.path.partition(".")[0] for each in change.fields} == {"metadata"}
    assert compare(new, planned(plain), same_event(new, event)).changes == ()


def test_a_declaration_of_sources_is_not_touched() -> None:
    assert objects(plan(DECLARATION)) == objects(
        plan(DECLARATION.replace("namespace: ci", "namespace: ci, schedules: calendar"))
    )
