"""hookline replay bus:NO, and what the controller would have told of a recording."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import API, NOW, BusCluster, pushed
from click.testing import CliRunner, Result
from recorded_days import Told, write

from hookline.cli import main


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[BusCluster]:
    found = BusCluster(tmp_path)
    found.nats.put(pushed(1), NOW)
    found.nats.put(pushed(2, ref="refs/heads/other"), NOW)
    yield found
    found.stop()


def workflows(cluster: BusCluster) -> list[dict[str, Any]]:
    return [each for path, each in cluster.api.objects.items() if path.startswith(f"{API}/workflows/")]


def name_in(cluster: BusCluster) -> str:
    """The name that the Sensor gives the run of the first event."""
    return cluster.run("replay", "bus:1", "--dry-run", "-o", "name").stdout.strip().removeprefix("ci/")


def test_the_run_of_an_event_has_the_name_of_its_sensor_and_says_who_and_why(cluster: BusCluster) -> None:
    expected = json.loads(cluster.run("events", "-o", "json").stdout)["items"][1]["pipelines"][0]["run"]
    result = cluster.run("replay", "bus:1", "--yes", "--because", "the registry was down")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"workflow {expected} created in ci\n"
    (found,) = workflows(cluster)
    assert found["metadata"]["name"] == expected
    annotations = found["metadata"]["annotations"]
    assert annotations["hookline.dev/because"] == "the registry was down"
    assert annotations["hookline.dev/sha"] == f"{1:040x}"
    # It waited for a person: the exporter counts no waiting time of the event.
    assert "hookline.dev/event-time" not in annotations


def test_a_run_that_exists_is_left_alone_unless_another_one_is_asked_for(cluster: BusCluster) -> None:
    name = name_in(cluster)
    cluster.put_workflow(name, "shop", "x")
    result = cluster.run("replay", "bus:1", "--yes")
    assert result.exit_code == 0
    assert "--again makes another one" in result.stderr
    assert len(workflows(cluster)) == 1
    result = cluster.run("replay", "bus:1", "--yes", "--again")
    assert result.exit_code == 0, result.output
    (second,) = [each for each in workflows(cluster) if each["metadata"]["name"] != name]
    assert second["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == name
    assert second["metadata"]["annotations"]["hookline.dev/sha"] == f"{1:040x}"


def test_without_a_terminal_nothing_is_created_until_it_is_said(cluster: BusCluster) -> None:
    result = cluster.run("replay", "bus:1")
    assert result.exit_code == 2
    assert "nothing was created; add --yes" in result.stderr
    assert "would be created" in result.stderr
    assert workflows(cluster) == []


def test_an_event_that_starts_nothing_is_a_negative_answer(cluster: BusCluster) -> None:
    result = cluster.run("replay", "bus:2", "--yes")
    assert result.exit_code == 1
    assert "starts no run" in result.stderr
    assert workflows(cluster) == []


def test_an_event_that_the_bus_does_not_have_is_refused(cluster: BusCluster) -> None:
    result = cluster.run("replay", "bus:99", "--yes")
    assert result.exit_code == 2
    assert "no event of the bus has this number" in result.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("bus:1", "--listen", "127.0.0.1:0"), "--listen has no effect on an event of the bus"),
        (("bus:1", "--controller"), "--controller has no effect on an event of the bus"),
        (("folder", "--yes"), "--yes has no effect on a recording"),
        (("folder", "-f", "x"), "--file has no effect on a recording"),
        (("nowhere",), "nowhere: no such recording; an event of the bus is named bus:NO"),
        (("folder", "--controller"), "--controller needs the file of the controller"),
    ],
)
def test_options_of_the_other_kind_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], said: str
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["replay", *given])
    assert result.exit_code == 2
    assert said in result.stderr


def told(folder: Path, settings: str) -> Result:
    (folder / "controller.yaml").write_text(settings, "utf-8")
    recording = folder / "recording"
    runs = [
        Told("green", 1, 1_795_000_000.0, 3.0, "shop", "push", "refs/heads/main", "alice"),
        Told("red-test", 2, 1_795_000_900.0, 3.0, "shop", "push", "refs/heads/main", "bo"),
    ]
    write(recording, runs)
    return CliRunner().invoke(
        main, ["replay", str(recording), "--controller", "--config", str(folder / "controller.yaml")]
    )
