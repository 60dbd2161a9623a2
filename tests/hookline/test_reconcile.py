"""hookline reconcile against a bus and an API server on loopback; tests/cluster/test_bus.py has the real ones."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus_cluster import API, NOW, BusCluster, apply, made, pushed, put

from apiserver.connection import Connection
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
