"""Lost runs that the controller brings back, against a bus and an API server on loopback; tests/cluster/test_controller_bus.py has the real ones."""

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bus_cluster import NOW, BusCluster, apply, made, pushed, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tries import tries

from apiserver.connection import Connection
from events.delivery import BusEvent
from hookline.answers.simulation import Simulation, simulate
from hookline.bus_access import bus_of
from hookline.controlling.composing import companions
from hookline.controlling.reconciling import Reconciling
from hookline.declaration.loading import load
from hookline.plan.planning import Plan, make_plan
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BusCluster]:
    monkeypatch.setattr(Connection, "now", lambda _self: NOW)
    monkeypatch.setattr("hookline.controlling.reconciling.ROUND_SECONDS", 0.02)
    found = started(tmp_path)
    yield found
    found.stop()


def started(folder: Path) -> BusCluster:
    found = BusCluster(folder)
    text = found.file.read_text("utf-8")
    found.file.write_text(
        text.replace("cluster: {", 'cluster: {image: "registry.example.com/hookline:1", ', 1)
        + "controller: {reconcile: true}\n"
    )
    found.api.kinds["argoproj.io/v1alpha1"] += ("ClusterWorkflowTemplate",)
    apply(found)
    return found


def reconciling(cluster: BusCluster) -> Reconciling:
    plan = make_plan(load([cluster.file]), {})
    url = ("127.0.0.1", cluster.nats.port)
    found = companions(plan, lambda connection: bus_of(plan, connection, url, in_pod=False))
    (companion,) = (each for each in found if isinstance(each, Reconciling))
    return companion


class Running:
    """One instance."""

    def __init__(self, cluster: BusCluster) -> None:
        self.companion = reconciling(cluster)
        self.ended = threading.Event()
        connection = Connection.of_kubeconfig(cluster.kubeconfig, None)
        hands = Hands(connection, ControllerSettings(), lambda _source, _report: None)
        self.thread = threading.Thread(target=self.companion.run, args=(hands, self.ended))
        self.thread.start()

    def stop(self) -> None:
        self.ended.set()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def value(self, name: str, *labels: str) -> float:
        return next(
            sample.value
            for family in self.companion.metrics()
            for sample in family.samples
            if sample.name == f"hookline_controller_reconcile_{name}"
            and tuple(sample.labels.values()) == labels
        )

    def rounds(self, count: int) -> None:
        """Wait until so many rounds are done from now on."""
        wanted = self.value("rounds_total", "done") + count
        wait(lambda: self.value("rounds_total", "done") >= wanted)


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_each_lost_run_is_created_once_within_a_round_and_said(cluster: BusCluster) -> None:
    cluster.receive(3)
    put(cluster, 2)
    with capture_logs() as logs:
        running = Running(cluster)
        running.rounds(3)
        running.stop()
    assert cluster.api.writes == [
        f"POST Workflow/{made(cluster, number)['metadata']['name']}" for number in (1, 3)
    ]
    assert running.value("runs_total", "created") == 2
    assert running.value("judged", "EXISTS") == 3
    assert running.value("last_round_timestamp_seconds") > time.time() - 60
    said = [each for each in logs if each["event"] == "a lost run is created"]
    assert [(each["pipeline"], each["sequence"]) for each in said] == [("shop", 1), ("shop", 3)]
    assert {each["workflow"] for each in said} == {each.split("/")[1] for each in cluster.api.writes}


def test_what_is_lost_later_is_found_in_a_later_round(cluster: BusCluster) -> None:
    running = Running(cluster)
    running.rounds(1)
    cluster.receive(2)
    running.rounds(2)
    running.stop()
    assert len(cluster.api.writes) == 2


def test_a_refused_run_is_a_warning_until_it_is_taken(cluster: BusCluster) -> None:
    cluster.receive(2)
    cluster.api.refuse = lambda method, _path, _trial: (422, "spec: no") if method == "POST" else None
    with capture_logs() as logs:
        running = Running(cluster)
        running.rounds(3)
        (warning,) = running.companion.warnings()
        assert "2 lost runs are refused" in warning
        assert "422 Refused: spec: no" in warning
        cluster.api.refuse = lambda _method, _path, _trial: None
        running.rounds(2)
        assert running.companion.warnings() == []
        running.stop()
    assert running.value("runs_total", "created") == 2
    assert running.value("runs_total", "refused") >= 4
    # Each is said once, however many rounds refuse it.
    assert [each["event"] for each in logs].count("a lost run is refused") == 2


def test_a_bus_that_is_gone_is_a_warning_and_the_next_round_tries_again(cluster: BusCluster) -> None:
    cluster.receive(1)
    cluster.nats.has_stream = False
    running = Running(cluster)
    wait(lambda: bool(running.companion.warnings()))
    assert "reconcile: " in running.companion.warnings()[0]
    assert "has no stream" in running.companion.warnings()[0]
    cluster.nats.has_stream = True
    running.rounds(1)
    wait(lambda: running.companion.warnings() == [])
    running.stop()
    assert running.value("runs_total", "created") == 1
    assert running.value("rounds_total", "failed") >= 1


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    there=st.sets(st.integers(1, 8)), breaks=st.lists(st.integers(0, 6), max_size=3), answered=st.booleans()
)
def test_killed_at_any_moment_and_two_at_once_give_the_same_end_state(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    there: set[int],
    breaks: list[int],
    answered: bool,
) -> None:
    monkeypatch.setattr(Connection, "now", lambda _self: NOW)
    monkeypatch.setattr("hookline.controlling.reconciling.ROUND_SECONDS", 0.02)
    cluster = started(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.receive(8)
        for number in there:
            put(cluster, number)
        for moment in breaks:
            killed(cluster, after=moment, answered=answered)
        both = [Running(cluster), Running(cluster)]
        for each in both:
            each.rounds(2)
        for each in both:
            each.stop()
        wanted = {number: made(cluster, number)["metadata"]["name"] for number in range(1, 9)}
        assert {
            each.removeprefix("Workflow/") for each in cluster.api.names() if each.startswith("Workflow/")
        } == set(wanted.values())
        created = [f"POST Workflow/{name}" for number, name in wanted.items() if number not in there]
        assert sorted(cluster.api.writes) == sorted(created)
    finally:
        cluster.stop()


def killed(cluster: BusCluster, after: int, answered: bool) -> None:
    """An instance that is gone after so many creations: with the last one its process ends, before or after the API server has acted."""
    running = Running(cluster)
    seen: list[str] = []

    def watch(method: str, path: str, _trial: bool) -> tuple[int, str] | None:
        if method == "POST":
            seen.append(path)
            if len(seen) > after:
                running.ended.set()
                return None if answered and len(seen) == after + 1 else (503, "gone")
        return None

    cluster.api.refuse = watch
    wait(lambda: running.ended.is_set() or running.value("rounds_total", "done") > 0)
    running.stop()
    cluster.api.refuse = lambda _method, _path, _trial: None


def test_a_round_decides_only_messages_that_are_new(
    cluster: BusCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[str] = []

    def counted(plan: Plan, event: BusEvent) -> Simulation:
        decided.append(event.context["id"])
        return simulate(plan, event)

    monkeypatch.setattr("hookline.reconciling.reconciler.simulate", counted)
    cluster.receive(2)
    for number in (1, 2):
        put(cluster, number)
    running = Running(cluster)
    running.rounds(3)
    cluster.nats.put(pushed(3), NOW)
    running.rounds(2)
    assert decided == ["event-1", "event-2", "event-3"]
    # Another stream has other messages at the same places.
    cluster.nats.messages.clear()
    cluster.nats.last = 0
    cluster.nats.created = NOW
    cluster.nats.put(pushed(4), NOW - datetime.timedelta(minutes=5))
    running.rounds(2)
    running.stop()
    assert cluster.api.writes == [f"POST Workflow/{made(cluster, 1)['metadata']['name']}"]
    assert decided[3:5] == ["event-4", "event-4"]  # judged, then created of the same bytes
    assert len(decided) <= 6


def test_a_dry_run_names_what_a_round_would_create_and_creates_nothing(cluster: BusCluster) -> None:
    cluster.receive(3)
    put(cluster, 2)
    due = reconciling(cluster).due(Connection.of_kubeconfig(cluster.kubeconfig, None))
    assert [each.name for each in due] == [made(cluster, number)["metadata"]["name"] for number in (1, 3)]
    assert cluster.api.writes == []
