"""hookline reconcile against a bus and an API server on loopback; tests/cluster/test_bus.py has the real ones."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import API, NOW, BusCluster, apply, declared, made, pushed, put
from support import ROOT

from apiserver.connection import Connection
from events.event_files import bus_message
from hookline.answers.simulation import Result, simulate
from hookline.bus_access import bus_of
from hookline.reconciling.asking import Memory, asked, key_of
from hookline.reconciling.reconciler import Reconciler


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BusCluster]:
    found = BusCluster(tmp_path)
    # The server's Date is that of this machine; the bus of these tests lives in its own time.
    monkeypatch.setattr(Connection, "now", lambda _self: NOW)
    found.api.kinds["argoproj.io/v1alpha1"] += ("ClusterWorkflowTemplate",)
    apply(found)
    yield found
    found.stop()


def findings(cluster: BusCluster, *arguments: str, code: int = 0) -> list[tuple[int, str, str]]:
    result = cluster.run("reconcile", "-o", "json", *arguments)
    assert result.exit_code == code, result.output
    return [(each["sequence"], each["action"], each["reason"]) for each in json.loads(result.stdout)["items"]]


def test_only_what_is_missing_is_created_as_the_sensor_would_have_created_it(cluster: BusCluster) -> None:
    cluster.receive(3)
    put(cluster, 1)
    put(cluster, 3)
    assert findings(cluster, "--dry-run", code=1) == [(2, "would create", "LOST")]
    assert cluster.api.writes == []
    assert findings(cluster) == [(2, "created", "LOST")]
    wanted = made(cluster, 2)
    (write,) = cluster.api.writes
    assert write == f"POST Workflow/{wanted['metadata']['name']}"
    found = cluster.api.objects[f"{API}/workflows/{wanted['metadata']['name']}"]
    assert found["spec"] == wanted["spec"]
    assert found["metadata"]["labels"] == wanted["metadata"]["labels"]
    assert found["metadata"]["annotations"] == wanted["metadata"]["annotations"] | {
        "hookline.dev/created-by": "reconcile"
    }
    # The second time nothing is missing.
    assert findings(cluster) == []
    assert len(cluster.api.writes) == 1


def test_runs_come_back_in_the_order_of_their_events(cluster: BusCluster) -> None:
    cluster.receive(5)
    result = cluster.run("reconcile")
    assert result.exit_code == 0, result.output
    assert [each.split("/")[1] for each in cluster.api.writes] == [
        made(cluster, number)["metadata"]["name"] for number in range(1, 6)
    ]
    assert "5 events, 0 runs there, 5 missing, 5 created; the bus holds 5 events" in result.stderr


def test_deliveries_of_one_event_are_one_run(cluster: BusCluster) -> None:
    cluster.receive(1)
    cluster.nats.put(pushed(1), NOW - datetime.timedelta(minutes=5))
    assert findings(cluster) == [(1, "created", "LOST")]
    assert len(cluster.api.writes) == 1


def test_a_run_of_another_configuration_counts(cluster: BusCluster) -> None:
    cluster.receive(1)
    labels = made(cluster, 1)["metadata"]["labels"]
    cluster.put_workflow("shop-of-before", "shop", labels["hookline.dev/event"])
    assert findings(cluster) == []


def test_what_starts_nothing_is_not_created(cluster: BusCluster) -> None:
    time = NOW - datetime.timedelta(minutes=10)
    cluster.nats.put(pushed(1, ref="refs/heads/next"), time)
    cluster.nats.put(pushed(2, repository__full_name="acme/unknown"), time)
    cluster.nats.put(b"no JSON", time, "default.hookline-webhooks.github")
    result = cluster.run("reconcile")
    assert (result.exit_code, result.stdout) == (0, "no run is missing\n")
    assert "3 events, 1 unreadable, 0 runs there, 0 missing" in result.stderr


def test_a_young_event_is_left_to_the_sensor(cluster: BusCluster) -> None:
    cluster.receive(1, datetime.timedelta(seconds=90))
    assert findings(cluster) == [(1, "left alone", "WAITING")]
    assert findings(cluster, "--grace", "30s") == [(1, "created", "LOST")]


def test_events_before_the_declaration_are_not_decided(cluster: BusCluster) -> None:
    cluster.receive(1)
    apply(cluster, datetime.timedelta(minutes=5))
    assert findings(cluster) == [(1, "left alone", "OLDER")]
    assert cluster.api.writes == []


def test_of_a_move_to_another_sensor_only_what_arrives_after_the_apply_comes_back_and_the_rest_by_replay(
    cluster: BusCluster,
) -> None:
    # The Sensor that has the pipeline now was made five minutes ago.
    apply(cluster, datetime.timedelta(minutes=5))
    for number, ago in ((1, 10), (2, 4)):
        time = NOW - datetime.timedelta(minutes=ago)
        cluster.nats.put(pushed(number, time), time)
    assert findings(cluster) == [(1, "left alone", "OLDER"), (2, "created", "LOST")]
    result = cluster.run("replay", "bus:1", "--yes")
    assert result.exit_code == 0, result.output
    assert findings(cluster) == []


def test_every_loss_says_what_becomes_of_it_with_the_controller() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    table = page[page.index("| what happens |") :].split("\n\n")[0].splitlines()
    _, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert len(rows) == 14
    for happens, events, workflows, controlled in rows:
        assert "–" not in (events, workflows, controlled), happens
        # Bold: not every event had its Workflow.
        assert not ("**" in workflows and controlled == "nothing to bring back"), happens


def test_a_file_that_is_not_applied_decides_nothing(cluster: BusCluster) -> None:
    cluster.receive(1)
    cluster.file.write_text(cluster.file.read_text().replace("[main]", "[main, next]"))
    assert findings(cluster) == [(1, "left alone", "NOT_APPLIED")]
    del cluster.api.objects[f"{API}/sensors/hookline-1"]
    assert findings(cluster) == [(1, "left alone", "NOT_APPLIED")]


def test_a_run_that_may_be_gone_by_its_ttl_is_not_built_again(cluster: BusCluster) -> None:
    cluster.file.write_text(
        cluster.file.read_text().replace("    events:", "    run: {ttl: 15m}\n    events:")
    )
    apply(cluster)
    cluster.receive(1, datetime.timedelta(minutes=20))
    cluster.receive(1, datetime.timedelta(minutes=5))  # the same commit once more
    assert findings(cluster) == [(1, "left alone", "EXPIRED")]
    # So is it if the first delivery lies before the time that is looked at.
    assert findings(cluster, "--since", "10m") == [(2, "left alone", "EXPIRED")]


def test_the_ttl_of_the_template_counts_too(cluster: BusCluster) -> None:
    cluster.receive(1)
    reference = made(cluster, 1)["spec"]["workflowTemplateRef"]
    # The loopback server keeps objects of every kind in the namespace.
    cluster.api.put(
        f"/apis/argoproj.io/v1alpha1/clusterworkflowtemplates/{reference['name']}",
        {"kind": "ClusterWorkflowTemplate", "spec": {"ttlStrategy": {"secondsAfterSuccess": 60}}},
    )
    assert findings(cluster) == [(1, "left alone", "EXPIRED")]


def test_a_run_that_had_ended_and_was_deleted_is_not_built_again(cluster: BusCluster) -> None:
    cluster.receive(2)
    for number, reason in ((1, "WorkflowSucceeded"), (2, "WorkflowRunning")):
        name = made(cluster, number)["metadata"]["name"]
        event = {"kind": "Event", "metadata": {"name": f"e{number}"}, "reason": reason}
        cluster.api.put(
            f"/api/v1/namespaces/ci/events/e{number}",
            event | {"involvedObject": {"kind": "Workflow", "name": name}},
        )
    assert findings(cluster) == [(1, "left alone", "ENDED"), (2, "created", "LOST")]


def test_an_old_commit_of_a_branch_is_said_and_can_be_left_out(cluster: BusCluster) -> None:
    cluster.receive(2)
    put(cluster, 2)
    assert findings(cluster, "--skip-superseded") == [(1, "left alone", "SUPERSEDED")]
    result = cluster.run("reconcile", "--dry-run")
    assert result.exit_code == 1
    assert "a newer commit of the branch or request has run" in result.stdout


def test_what_somebody_else_creates_meanwhile_is_no_error(cluster: BusCluster) -> None:
    cluster.receive(1)
    cluster.api.refuse = lambda method, _path, _trial: (
        (409, "there is one of this name") if method == "POST" else None
    )
    assert findings(cluster) == [(1, "exists by now", "LOST")]


def test_a_run_that_the_api_server_refuses_is_said_and_the_others_are_created(cluster: BusCluster) -> None:
    cluster.receive(2)
    first = made(cluster, 1)["metadata"]["name"]
    refused: list[str] = []

    def refuse(method: str, _path: str, _trial: bool) -> tuple[int, str] | None:
        if method == "POST" and not refused:
            refused.append(first)
            return 422, "spec: no"
        return None

    cluster.api.refuse = refuse
    result = cluster.run("reconcile")
    assert result.exit_code == 1
    assert f"error: ci/{first}: the API server refuses it: 422 Refused: spec: no" in result.stderr
    assert len(cluster.api.writes) == 1


def test_a_declaration_that_is_applied_meanwhile_stops_everything(
    cluster: BusCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.receive(1)
    real = Reconciler.examine

    def applied_meanwhile(self: Reconciler, *arguments: Any, **named: Any) -> Any:
        found = real(self, *arguments, **named)
        apply(cluster, datetime.timedelta(0))
        return found

    monkeypatch.setattr(Reconciler, "examine", applied_meanwhile)
    result = cluster.run("reconcile")
    assert result.exit_code == 1
    assert (
        "the Sensors were changed while the bus was read; nothing was created; run it again" in result.stderr
    )
    assert cluster.api.writes == []


def test_a_gap_of_the_bus_is_said(cluster: BusCluster) -> None:
    cluster.receive(3)
    del cluster.nats.messages[1]
    result = cluster.run("reconcile", "--dry-run")
    assert "what was lost before that is not known" in result.stderr
    cluster.nats.messages.clear()
    assert "what was lost before that is not known" in cluster.run("reconcile").stderr


def test_who_may_not_look_at_what_decides_creates_nothing(cluster: BusCluster) -> None:
    cluster.receive(1)
    cluster.api.refuse = lambda _method, path, _trial: (403, "you may not") if "/events" in path else None
    result = cluster.run("reconcile")
    assert result.exit_code == 3
    assert "the API server refuses: 403" in result.stderr
    assert cluster.api.writes == []


def test_an_event_of_a_suspended_time_stays_away_when_the_suspension_has_ended(cluster: BusCluster) -> None:
    text = cluster.file.read_text()
    suspended = "    suspended: {because: the registry moves, until: '2026-11-27T06:50:02.5Z'}\n    events:"
    cluster.file.write_text(text.replace("    events:", suspended))
    apply(cluster)
    cluster.receive(2)
    cluster.nats.put(pushed(3), NOW - datetime.timedelta(minutes=5))
    assert findings(cluster) == [
        (1, "left alone", "SUSPENDED"),
        (2, "left alone", "SUSPENDED"),
        (3, "created", "LOST"),
    ]


def answer(cluster: BusCluster, number: int) -> Result:
    """The answer of the one pipeline to a message of the bus."""
    (found,) = simulate(declared(cluster), bus_message(cluster.nats.messages[number][2])).results
    return found


def test_an_answer_that_starts_nothing_asks_for_no_run(cluster: BusCluster) -> None:
    cluster.nats.put(pushed(1), NOW)
    cluster.nats.put(pushed(2, ref="refs/heads/next"), NOW)
    plan = declared(cluster)
    run = asked(plan, answer(cluster, 1))
    assert run is not None
    assert run.key == key_of(answer(cluster, 1))
    assert (run.commit, run.line) == (f"{1:040x}", "push refs/heads/main")
    nothing = answer(cluster, 2)
    assert (nothing.verdict, asked(plan, nothing)) == ("skip", None)
    with pytest.raises(ValueError, match="a result without a run"):
        key_of(nothing)


def test_a_memory_holds_what_the_bus_holds_of_the_time_that_is_asked_for(cluster: BusCluster) -> None:
    cluster.receive(3)
    plan, memory, grace = declared(cluster), Memory(), datetime.timedelta(minutes=2)
    connection = Connection.of_kubeconfig(cluster.kubeconfig, None)

    def examine(since: datetime.timedelta) -> int:
        with bus_of(plan, connection, ("127.0.0.1", cluster.nats.port), in_pod=False) as bus:
            return (
                Reconciler(plan, bus.reader, connection, bus.resources, memory).examine(since, grace).events
            )

    assert examine(datetime.timedelta(hours=1)) == 3
    assert list(memory.runs) == [1, 2, 3]
    second = memory.runs[2]
    del cluster.nats.messages[1]  # dropped by the bus, which is full
    assert examine(datetime.timedelta(hours=1)) == 2
    assert list(memory.runs) == [2, 3]
    assert memory.runs[2] is second  # decided once
    assert examine(datetime.timedelta(minutes=9, seconds=57.5)) == 1
    assert list(memory.runs) == [3]
    cluster.nats.created += datetime.timedelta(hours=1)  # another stream has other messages at these places
    third = memory.runs[3]
    assert examine(datetime.timedelta(hours=1)) == 2
    assert list(memory.runs) == [2, 3]
    assert memory.runs[3] is not third
