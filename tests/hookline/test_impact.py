"""hookline impact: events that another declaration decides otherwise."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import NOW, BusCluster, pushed
from click.testing import CliRunner
from support import DECLARATION, plan

from events.delivery import BusEvent
from events.event_files import bus_message
from hookline.answers.impact import Field, _change, compare
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import Result
from hookline.cli import main
from hookline.plan.planning import Plan

OTHER = DECLARATION.replace("push: {branches: [main]}", "push: {branches: [next]}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[BusCluster]:
    found = BusCluster(tmp_path, OTHER)
    (tmp_path / "old.yaml").write_text(DECLARATION, "utf-8")
    yield found
    found.stop()


def impact(cluster: BusCluster, *arguments: str, code: int = 1) -> dict[str, Any]:
    result = cluster.run("impact", "--against", str(cluster.folder / "old.yaml"), "-o", "json", *arguments)
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_what_starts_and_starts_no_more_is_listed_newest_first_with_both_reasons(cluster: BusCluster) -> None:
    cluster.receive(1)
    cluster.nats.put(pushed(2, ref="refs/heads/next"), NOW)
    cluster.nats.put(pushed(3, ref="refs/heads/third"), NOW)
    found = impact(cluster)
    assert found["events"] == 3
    assert found["counts"] == {"shop": {"starts": 1, "starts no more": 1}}
    newest, oldest = found["items"]
    assert (newest["sequence"], newest["effect"]) == (2, "starts")
    assert newest["before"] == {"verdict": "skip", "reason": "BRANCHES"}
    assert newest["after"] == {"verdict": "run", "reason": "MATCH"}
    assert (oldest["sequence"], oldest["effect"]) == (1, "starts no more")


def test_the_same_declaration_changes_nothing(cluster: BusCluster) -> None:
    cluster.receive(2)
    cluster.file.write_text(DECLARATION, "utf-8")
    assert impact(cluster, code=0)["items"] == []
    result = cluster.run("impact", "--against", str(cluster.folder / "old.yaml"))
    assert result.stdout == "nothing changes\n"


def test_a_workflow_of_another_shape_names_its_fields(cluster: BusCluster) -> None:
    cluster.receive(1)
    cluster.file.write_text(
        DECLARATION.replace("registry.example.com/acme/shop", "registry.example.com/acme/other"), "utf-8"
    )
    (item,) = impact(cluster)["items"]
    assert item["effect"] == "other Workflow"
    assert item["before"] == item["after"]
    (image,) = [each for each in item["fields"] if "acme/other" in str(each["after"])]
    assert image["before"] == image["after"].replace("acme/other", "acme/shop")
    assert image["path"].startswith("spec.arguments.parameters[")
    # The digest of the settings, and the name that holds it, follow from this one.
    assert len(item["fields"]) == 1


def test_only_events_of_the_time_that_is_asked_for_count(cluster: BusCluster) -> None:
    cluster.receive(3)
    assert impact(cluster, "--since", "9m58s")["events"] == 2


def test_a_message_that_nobody_can_read_is_counted(cluster: BusCluster) -> None:
    cluster.nats.put(b"nonsense", NOW, "default.hookline-webhooks.github")
    found = impact(cluster, code=0)
    assert (found["events"], found["unreadable"]) == (0, 1)


def test_the_list_is_bounded_and_says_so(cluster: BusCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookline.commands.impact.SHOWN", 2)
    cluster.receive(5)
    found = impact(cluster)
    assert [each["sequence"] for each in found["items"]] == [5, 4]
    assert found["counts"] == {"shop": {"starts no more": 5}}
    result = cluster.run("impact", "--against", str(cluster.folder / "old.yaml"))
    assert "3 older changes are not listed" in result.stderr


def test_pipelines_that_came_and_went_are_absent_on_the_other_side() -> None:
    renamed = DECLARATION.replace("  shop:", "  store:")
    event = bus_message(json.dumps(pushed(1)).encode())
    found = {each.pipeline: each for each in compare(plan(DECLARATION), plan(renamed), event).changes}
    assert {name: (each.before.text, each.after.text) for name, each in found.items()} == {
        "shop": ("run MATCH", "absent"),
        "store": ("absent", "run MATCH"),
    }


SCHEDULE = "      schedule: {at: '0 2 * * *', branch: BRANCH}\n"


def scheduled(branch: str, name: str = "hookline") -> Plan:
    text = DECLARATION.replace("namespace: ci", f"namespace: ci, name: {name}, schedules: calendar")
    return plan(text + SCHEDULE.replace("BRANCH", branch))


def night(of: Plan) -> BusEvent:
    return incoming(of, "schedule:shop", None, EventOptions())


def test_a_fire_time_is_compared_under_the_name_that_its_event_source_has_in_each_declaration() -> None:
    old, new = scheduled("main"), scheduled("next", name="other")
    event = night(old)
    assert event.event_source not in new.calendars
    found = compare(old, new, event)
    (change,) = found.changes
    assert (change.before.text, change.after.text) == ("run MATCH", "run MATCH")
    assert [(each.before, each.after) for each in change.fields if each.path.startswith("spec.")] == [
        ("main", "next")
    ]
    # Of several schedules the words say which one fired.
    assert found.event.endswith(f"  {event.event_name}")


def test_a_fire_time_of_a_schedule_that_is_gone_starts_no_more() -> None:
    old = scheduled("main")
    found = compare(old, plan(DECLARATION), night(old))
    (change,) = found.changes
    assert (change.effect, change.after.text) == ("starts no more", "skip SOURCE")


def test_a_run_that_cannot_be_decided_is_another_verdict_than_one_that_is_kept_out() -> None:
    """Nothing starts under either, but under the second declaration nobody knows whether it should."""
    unlisted = DECLARATION.replace(
        "{branches: [main]}", "{branches: [main], paths: {include: ['docs/**'], unknown: skip}}"
    )
    event = bus_message(json.dumps(pushed(1, forced=True)).encode())
    (change,) = compare(plan(OTHER), plan(unlisted), event).changes
    assert (change.before.text, change.after.text) == ("skip BRANCHES", "unknown PATHS")
    assert (change.effect, change.fields) == ("other verdict", ())


def test_objects_beside_a_workflow_differ_by_their_kind_and_items_without_a_name_by_their_place() -> None:
    def made(*words: str) -> Result:
        beside = {"kind": "ConfigMap", "metadata": {"name": "x"}, "items": [*words]}
        workflow = {"metadata": {"name": "x"}, "spec": {"entrypoint": "main"}}
        return Result("shop", "ci", "run", "MATCH", workflow=workflow, beside=(beside,))

    change = _change(made("a", "b"), made("a", "c", "d"), "shop")
    assert change is not None
    assert change.effect == "other Workflow"
    assert change.fields == (
        Field("ConfigMap: items[1]", "b", "c"),
        Field("ConfigMap: items[2]", None, "d"),
    )
    assert _change(made("a"), made("a"), "shop") is None


def test_recorded_events_of_a_folder_are_compared_without_a_cluster(tmp_path: Path) -> None:
    events = tmp_path / "events"
    events.mkdir()
    (events / "a.json").write_text(json.dumps(pushed(1)), "utf-8")
    (events / "b.json").write_text(json.dumps(pushed(2, ref="refs/heads/third")), "utf-8")
    (tmp_path / "old.yaml").write_text(DECLARATION, "utf-8")
    (tmp_path / "new.yaml").write_text(OTHER, "utf-8")
    arguments = ["impact", "-f", str(tmp_path / "new.yaml"), "--against", str(tmp_path / "old.yaml")]
    result = CliRunner().invoke(main, [*arguments, "--events", str(events)])
    assert result.exit_code == 1, result.output
    assert result.stdout.splitlines()[1].split()[0] == "a.json"
    assert "run MATCH" in result.stdout
    assert "skip BRANCHES" in result.stdout
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--pipeline", "none"), 'neither declaration has a pipeline "none"'),
        (("--events", "empty"), "there is no file in it"),
        (("--events", "empty", "--since", "2h"), "--since has no effect beside --events"),
    ],
)
def test_a_question_that_has_no_answer_is_refused(tmp_path: Path, given: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "hookline.yaml").write_text(DECLARATION, "utf-8")
    file = str(tmp_path / "hookline.yaml")
    given = tuple(str(tmp_path / each) if each == "empty" else each for each in given)
    result = CliRunner().invoke(main, ["impact", "-f", file, "--against", file, *given])
    assert result.exit_code == 2
    assert said in result.stderr
