"""hookline impact: events that another declaration decides otherwise."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import NOW, BusCluster, pushed
from click.testing import CliRunner
from support import DECLARATION, plan

from events.event_files import bus_message
from hookline.answers.impact import compare
from hookline.cli import main

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
