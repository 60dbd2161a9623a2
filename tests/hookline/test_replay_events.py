"""hookline replay bus:NO, and what the controller would have told of a recording."""

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bus_cluster import API, NOW, BusCluster, pushed
from click import testing
from click.testing import CliRunner
from recorded_days import Told, tell

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


@pytest.mark.parametrize("answer", ["n\n", "\n", "no\n", ""])
def test_no_ends_with_a_negative_answer_and_creates_nothing(
    cluster: BusCluster, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(testing._NamedTextIOWrapper, "isatty", lambda _: True)
    result = cluster.run("replay", "bus:1", "-o", "json", answer=answer)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "nothing was created"
    assert result.stdout == ""
    assert workflows(cluster) == []
    assert cluster.run("replay", "bus:1", answer="y\n").exit_code == 0
    assert len(workflows(cluster)) == 1


def test_a_dry_run_prints_the_workflow_and_creates_nothing(cluster: BusCluster) -> None:
    result = cluster.run("replay", "bus:1", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "nothing is created\n" in result.stderr
    (shown,) = yaml.safe_load_all(result.stdout)
    assert shown["metadata"]["annotations"]["hookline.dev/sha"] == f"{1:040x}"
    assert shown["metadata"]["name"] == name_in(cluster)
    assert workflows(cluster) == []


def test_the_answer_as_data_is_the_workflow_that_was_created(cluster: BusCluster) -> None:
    result = cluster.run("replay", "bus:1", "--yes", "-o", "json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["kind"] == "List"
    assert answer["items"] == workflows(cluster)


def test_a_run_that_somebody_creates_meanwhile_is_not_created_twice(cluster: BusCluster) -> None:
    name = name_in(cluster)

    def sensor(method: str, path: str, _trial: bool) -> None:
        if method == "POST" and path == f"{API}/workflows":
            cluster.put_workflow(name, "shop", "x")

    cluster.api.refuse = sensor
    result = cluster.run("replay", "bus:1", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"workflow {name} exists by now: somebody else has created it\n" in result.stderr
    assert [each["metadata"]["name"] for each in workflows(cluster)] == [name]
    assert cluster.api.writes == []


def test_who_may_not_create_workflows_is_told_so(cluster: BusCluster) -> None:
    cluster.api.refuse = lambda method, path, _trial: (
        (403, "you may not create workflows") if (method, path) == ("POST", f"{API}/workflows") else None
    )
    result = cluster.run("replay", "bus:1", "--yes")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "403 Refused: you may not create workflows" in result.stderr
    assert workflows(cluster) == []


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard input is a terminal; the descriptor at which a person types."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


@pytest.mark.parametrize(("answer", "created"), [("y", 1), ("n", 0), ("", 0)])
def test_at_a_terminal_a_run_is_created_for_a_yes_alone(
    cluster: BusCluster, terminal: int, capsys: pytest.CaptureFixture[str], answer: str, created: int
) -> None:
    os.write(terminal, f"{answer}\n".encode())
    more = ("-f", str(cluster.file), "--kubeconfig", str(cluster.kubeconfig), "--bus-url", cluster.nats.url)
    with pytest.raises(SystemExit) as ended:
        main(["replay", "bus:1", *more])
    said = capsys.readouterr()
    assert "Create 1 Workflow? [y/N]" in said.err
    assert (ended.value.code == 0) == bool(created), said.err
    assert len(workflows(cluster)) == said.out.count("created in ci") == created


def test_a_pipeline_that_is_not_declared_is_refused_before_anything_is_asked(cluster: BusCluster) -> None:
    asked: list[str] = []
    cluster.api.refuse = lambda _method, path, _trial: asked.append(path)
    result = cluster.run("replay", "bus:1", "--pipeline", "shop", "--pipeline", "cart", "--yes")
    assert result.exit_code == 2
    assert 'there is no pipeline "cart"; pipelines: shop\n' in result.stderr
    assert asked == []


def test_an_event_that_starts_nothing_is_a_negative_answer(cluster: BusCluster) -> None:
    result = cluster.run("replay", "bus:2", "--yes")
    assert result.exit_code == 1
    assert "starts no run" in result.stderr
    assert workflows(cluster) == []


def test_an_event_that_the_bus_does_not_have_is_refused(cluster: BusCluster) -> None:
    result = cluster.run("replay", "bus:99", "--yes")
    assert result.exit_code == 2
    assert "no event of the bus has this number" in result.stderr


def test_a_message_that_no_event_source_would_let_through_starts_nothing(cluster: BusCluster) -> None:
    request = b"POST /github HTTP/1.1\nX-GitHub-Event: push\nContent-Type: application/json\n\n[1]"
    cluster.nats.put(request, NOW, "default.hookline-webhooks.github")
    result = cluster.run("replay", "bus:3", "--yes")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: bus:3: the body is not a JSON object\n" in result.stderr
    assert workflows(cluster) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("bus:1", "--listen", "127.0.0.1:0"), "--listen has no effect on an event of the bus"),
        (("bus:1", "--controller"), "--controller has no effect on an event of the bus"),
        (("folder", "--yes"), "--yes has no effect on a recording"),
        (("folder", "-o", "json"), "--output has no effect on the metrics of a recording"),
        (
            ("folder", "--controller", "-o", "name"),
            "--output name: statuses have no names; accepted: text, json, yaml",
        ),
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


def recording(folder: Path) -> Path:
    """Two runs, as an event of the source github would have made them; the second is deleted while it runs."""
    runs = [
        Told(history, number, 1_795_000_000.0 + 900 * number, 3.0, "shop", "push", "refs/heads/main", "bo")
        for number, history in enumerate(("red-test", "green"))
    ]
    lines, _ = tell(runs)
    kept: list[dict[str, Any]] = [{"at": lines[0]["at"], "resource": "workflows", "type": "SYNCED"}]
    for each in (each for each in lines if each["resource"] == "workflows"):
        metadata = each["object"]["metadata"]
        metadata["labels"]["hookline.dev/source"] = "github"
        # A controller that watched it has left its mark.
        marks = {"hookline.dev/repository": "acme/shop", "hookline.dev/reported": '{"state":"pending"}'}
        metadata["annotations"] |= marks
        if metadata["name"] == runs[1].name and each["object"].get("status", {}).get("finishedAt"):
            continue
        kept.append(each)
    kept.append({**kept[-1], "type": "DELETED"})
    target = folder / "recording"
    target.mkdir()
    text = "".join(f"{json.dumps(each)}\n" for each in kept)
    (target / "changes.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return target


@pytest.mark.parametrize(
    ("host", "states"),
    [
        ("github", ["pending", "failure", "pending", "error"]),
        ("gitlab", ["pending", "running", "failed", "pending", "running", "canceled"]),
    ],
)
def test_a_recording_shows_what_each_host_would_have_been_told_in_order(
    tmp_path: Path, host: str, states: list[str]
) -> None:
    settings = tmp_path / "controller.yaml"
    settings.write_text(
        f"sources: {{github: {{host: {host}, api: 'https://git.example.com/api', token_file: /none}}}}\n",
        "utf-8",
    )
    result = CliRunner().invoke(
        main, ["replay", str(recording(tmp_path)), "--controller", "--config", str(settings)]
    )
    assert result.exit_code == 0, result.output
    head, *rows = [line.split("   ") for line in result.stdout.splitlines()]
    assert head[0] == "TIME (UTC)"
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [row[5] for row in cells] == states
    assert {row[2] for row in cells} == {"acme/shop"}
    assert [row[0] for row in cells] == sorted(row[0] for row in cells)
    assert cells[-1][6] == "was deleted before it ended"


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_the_statuses_of_a_recording_come_as_data_with_the_run_that_gives_each(
    tmp_path: Path, form: str, read: Callable[[str], Any]
) -> None:
    settings = tmp_path / "controller.yaml"
    settings.write_text(
        "sources: {github: {host: github, api: 'https://git.example.com/api', token_file: /none}}\n"
        "link: 'https://ci.example.com/{namespace}/{workflow}'\n",
        "utf-8",
    )
    asked = ("replay", str(recording(tmp_path)), "--controller", "--config", str(settings))
    result = CliRunner().invoke(main, [*asked, "-o", form])
    assert result.exit_code == 0, result.output
    found = read(result.stdout)
    assert (found["apiVersion"], found["kind"]) == ("hookline.dev/v1", "Statuses")
    rows = CliRunner().invoke(main, [*asked]).stdout.splitlines()[1:]
    assert [each["state"] for each in found["items"]] == ["pending", "failure", "pending", "error"]
    for each, row in zip(found["items"], rows, strict=True):
        assert each["time"].removesuffix("Z")[:19].replace("T", " ") == row[:19]
        assert len(each["sha"]) == 40
        assert each["description"] in row
        assert each["url"] == f"https://ci.example.com/{each['namespace']}/{each['workflow']}"
