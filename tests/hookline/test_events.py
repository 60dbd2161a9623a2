"""hookline events, and events of the bus as the event of explain and simulate."""

import base64
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import API, NOW, BusCluster, pushed
from click.testing import CliRunner
from support import DECLARATION, plan

from bus.reader import BusReader
from events.event_files import bus_message
from hookline.answers.simulation import simulate
from hookline.cli import main


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[BusCluster]:
    found = BusCluster(tmp_path)
    yield found
    found.stop()


def items(cluster: BusCluster, *arguments: str) -> list[dict[str, Any]]:
    result = cluster.run("events", "-o", "json", *arguments)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["items"]
    return found


def test_events_come_newest_first_with_verdict_reason_and_run(cluster: BusCluster) -> None:
    cluster.receive(2)
    cluster.nats.put(pushed(3, ref="refs/heads/next"), NOW)
    cluster.nats.put(pushed(4, repository__full_name="acme/unknown"), NOW)
    result = cluster.run("events")
    assert result.exit_code == 0, result.output
    head, *rows = [line.split("   ") for line in result.stdout.splitlines()]
    assert head[:2] == ["NO", "RECEIVED (UTC)"]
    assert [row[0] for row in rows] == ["4", "3", "2", "1"]
    words = [" ".join(row) for row in rows]
    assert "acme/unknown" in words[0]
    assert " - " in words[0]
    assert "REPOSITORY" in words[0]
    assert "skip" in words[1]
    assert "BRANCHES" in words[1]
    assert "shop-" in words[2]
    assert words[2].split()[-1] == "none"
    assert result.stderr == (
        "the bus holds 4 events since 2026-11-24 00:00:00 UTC; it keeps 72 hours and at most 50,000 events\n"
    )


def test_the_run_that_exists_is_shown_under_whatever_configuration(cluster: BusCluster) -> None:
    cluster.receive(1)
    (one,) = items(cluster)
    started = one["pipelines"][0]
    assert started["workflow"] is None
    # The same event under another configuration has the same label and another name.
    plan_event = label(cluster)
    cluster.put_workflow("shop-of-an-older-declaration", "shop", plan_event, "Failed")
    (one,) = items(cluster)
    assert one["pipelines"][0]["run"] == started["run"]
    assert one["pipelines"][0]["workflow"] == {"name": "shop-of-an-older-declaration", "phase": "Failed"}
    assert cluster.run("events").stdout.split()[-2:] == ["shop-of-an-older-declaration", "Failed"]


def label(cluster: BusCluster) -> str:
    """The label hookline.dev/event of the run that the first event starts."""
    found = simulate(plan(cluster.file.read_text()), bus_message(cluster.nats.messages[1][2]))
    assert found.results[0].workflow is not None
    return str(found.results[0].workflow["metadata"]["labels"]["hookline.dev/event"])


def test_the_last_events_are_found_far_back_if_others_stand_before_them(cluster: BusCluster) -> None:
    cluster.receive(1)
    for number in range(300):
        cluster.nats.put(pushed(number, repository__full_name="acme/other"), NOW)
    found = items(cluster, "--pipeline", "shop", "--last", "5")
    assert [each["sequence"] for each in found] == [1]
    assert [each["sequence"] for each in items(cluster, "--last", "2")] == [301, 300]
    assert [each["sequence"] for each in items(cluster, "--repository", "ACME/Shop")] == [1]


def test_a_time_bounds_what_is_shown_and_what_the_bus_lacks_is_said(cluster: BusCluster) -> None:
    cluster.receive(5)
    assert [each["sequence"] for each in items(cluster, "--since", "597s")] == [5, 4, 3]
    assert [each["sequence"] for each in items(cluster, "--since", "1h", "--last", "2")] == [5, 4]
    assert "does not reach back" not in cluster.run("events", "--since", "1h").stderr
    for number in (1, 2, 3):
        del cluster.nats.messages[number]
    told = cluster.run("events", "--since", "1h").stderr
    assert "the bus does not reach back as far as --since asks: only to 2026-11-27 06:50:04 UTC" in told


def test_the_json_says_what_the_bus_keeps(cluster: BusCluster) -> None:
    cluster.receive(1)
    found = json.loads(cluster.run("events", "-o", "json").stdout)
    assert found["bus"] == {
        "events": 1, "begins": "2026-11-24T00:00:00Z", "keepsSeconds": 259_200, "keepsEvents": 50_000, "keepsBytes": None,
    }  # fmt: skip
    (one,) = found["items"]
    assert (one["id"], one["source"], one["receivedAt"]) == ("event-1", "github", "2026-11-27T06:50:01.000Z")
    assert one["event"]["delivery"] == "delivery-1"
    assert "files" not in one["event"]


def test_a_message_that_nobody_can_read_hides_no_other(cluster: BusCluster) -> None:
    cluster.nats.put(b"\xff\xfe no JSON", NOW, "default.hookline-webhooks.github")
    cluster.receive(1)
    result = cluster.run("events")
    assert result.exit_code == 0, result.output
    assert "unreadable: not a valid CloudEvent" in result.stdout
    assert "shop-" in result.stdout


def test_an_empty_bus_is_said(cluster: BusCluster) -> None:
    result = cluster.run("events")
    assert (result.exit_code, result.stdout) == (0, "no such event is on the bus\n")
    assert "the bus holds no events" in result.stderr


def test_events_of_other_event_sources_are_not_read(cluster: BusCluster) -> None:
    cluster.nats.put({**pushed(1), "source": "somebody-elses"}, NOW)
    assert items(cluster) == []


def test_following_prints_the_newest_last_and_goes_on(
    cluster: BusCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.receive(2)
    real = BusReader.follow

    def until_idle(self: BusReader, subjects: tuple[str, ...], after: int) -> Iterator[Any]:
        cluster.nats.put(pushed(3), NOW)
        for message in real(self, subjects, after):
            if message is None:
                raise KeyboardInterrupt
            yield message

    monkeypatch.setattr("bus.reader.FOLLOW_SECONDS", 0.05)
    monkeypatch.setattr(BusReader, "follow", until_idle)
    result = cluster.run("events", "--follow", "-o", "json")
    assert result.exit_code == 130
    assert [json.loads(line)["sequence"] for line in result.stdout.splitlines()] == [1, 2, 3]
    rows = cluster.run("events", "--follow", "--last", "1").stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["3", "4"]


@pytest.mark.parametrize("named", ["bus:2", "bus:delivery-2", "bus:event-2", f"{2:040x}", f"bus:{2:040x}"])
def test_explain_takes_an_event_of_the_bus_by_number_delivery_id_or_commit(
    cluster: BusCluster, named: str
) -> None:
    cluster.receive(3)
    result = cluster.run("explain", "shop", "-e", named, "-o", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["verdict"], found["event"]["sha"]) == ("run", f"{2:040x}")
    assert "event 2 of the bus, received 2026-11-27 06:50:02 UTC" in result.stderr


def test_of_several_deliveries_of_a_commit_the_newest_is_meant(cluster: BusCluster) -> None:
    cluster.receive(2)
    cluster.nats.put(pushed(2), NOW)
    result = cluster.run("simulate", "-e", f"bus:{2:040x}")
    assert result.exit_code == 0, result.output
    assert "event 3 of the bus" in result.stderr


def test_what_the_bus_has_not_is_refused_with_what_it_keeps(cluster: BusCluster) -> None:
    cluster.receive(1)
    for named in ("bus:7", "bus:delivery-7", f"{7:040x}", "bus:"):
        result = cluster.run("explain", "shop", "-e", named)
        assert result.exit_code == 2, result.output
        assert "no event of the bus has this number, id or commit; the bus holds 1 events" in result.stderr


def test_the_way_to_the_cluster_has_no_effect_beside_a_file(cluster: BusCluster) -> None:
    (cluster.folder / "push.json").write_text(json.dumps(pushed(1)))
    result = cluster.run("explain", "shop", "-e", str(cluster.folder / "push.json"))
    assert result.exit_code == 2
    assert "is read without the cluster; leave --context, --kubeconfig and --bus-url out" in result.stderr


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "has no address in its status yet"),
        ({"nats": {"url": "nats://x"}}, "is of the kind nats; hookline reads JetStream alone"),
        ({"jetstream": {"url": ":"}}, "which names no host"),
        ({"jetstream": {"url": "nats://x", "accessSecret": {"name": "gone", "key": "k"}}}, "there is no Secret gone with the key k in ci"),
        ({"jetstream": {"url": "nats://x"}}, "Authorization Violation"),
    ],
)  # fmt: skip
def test_a_bus_that_cannot_be_read_is_said_with_the_reason(
    cluster: BusCluster, config: dict[str, Any], words: str
) -> None:
    cluster.put_bus(config)
    result = cluster.run("events")
    assert result.exit_code == 3, result.output
    assert words in result.stderr


def test_a_secret_that_holds_something_else_is_said_and_not_quoted(cluster: BusCluster) -> None:
    cluster.put_secret("hidden: [value")
    result = cluster.run("events")
    assert result.exit_code == 3
    assert "Secret access in ci has no username and password in client-auth" in result.stderr
    assert "hidden" not in result.output


def test_without_an_event_bus_nothing_is_read(cluster: BusCluster) -> None:
    del cluster.api.objects[f"{API}/eventbus/default"]
    result = cluster.run("events")
    assert result.exit_code == 3
    assert "there is no EventBus default in ci" in result.stderr


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--bus-url", "http://x"), "expected a URL such as tls://127.0.0.1:4222"),
        (("--bus-url", "tls://ada:secret@x"), "leave user and password out"),
        (("--since", "5"), "expected a duration with units"),
        (("--since", "0s"), "expected a duration above 0"),
        (("--pipeline", "shap"), 'there is no pipeline "shap"'),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, option: tuple[str, str], words: str) -> None:
    (tmp_path / "hookline.yaml").write_text(DECLARATION)
    result = CliRunner().invoke(main, ["events", str(tmp_path / "hookline.yaml"), *option])
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_server_that_is_not_ready_is_not_asked(cluster: BusCluster) -> None:
    arguments = ["events", str(cluster.file), "--kubeconfig", str(cluster.kubeconfig)]
    none = CliRunner().invoke(main, arguments)
    assert none.exit_code == 3
    assert "no server of EventBus default in ci is ready" in none.stderr
    labels = {"controller": "eventbus-controller", "eventbus-name": "default"}
    conditions = [{"type": "Ready", "status": "True"}]
    cluster.api.put(
        "/api/v1/namespaces/ci/pods/eventbus-default-js-0",
        {
            "kind": "Pod",
            "metadata": {"name": "eventbus-default-js-0", "labels": labels},
            "status": {"conditions": conditions},
        },
    )
    # This API server forwards no ports.
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 3
    assert "the bus is not reached: port 4222 of pod eventbus-default-js-0 in ci" in refused.stderr


def test_times_before_the_window_are_not_shown(cluster: BusCluster) -> None:
    cluster.receive(3, datetime.timedelta(hours=3))
    assert items(cluster, "--since", "1h") == []


def test_a_message_whose_data_is_plain_json_is_found_too(cluster: BusCluster) -> None:
    event = pushed(7)
    event["data"] = json.loads(base64.b64decode(event.pop("data_base64")))
    cluster.nats.put(event, NOW)
    assert "event 1 of the bus" in cluster.run("explain", "shop", "-e", "bus:delivery-7").stderr
    broken = json.dumps(event).replace('"data":', '"data_base64": "A", "x":').encode()
    cluster.nats.put(broken, NOW, "default.hookline-webhooks.github")
    assert cluster.run("explain", "shop", "-e", "bus:delivery-8").exit_code == 2
