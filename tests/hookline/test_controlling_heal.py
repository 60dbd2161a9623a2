"""A broken bus that the controller mends, against an API server on loopback whose proxy answers as NATS servers do."""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from doctor_site import PODS, Site, lose_a_state, lose_the_leader, lose_the_stream, split_the_group
from structlog.testing import capture_logs

from apiserver.connection import Connection
from hookline.controlling.healing import Healing
from hookline.declaration.loading import load
from hookline.doctor import bus_reading
from hookline.plan.planning import make_plan
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings

SENSORS = ["DELETE Pod/hookline-1-0", "DELETE Pod/hookline-schedules-0"]
API = "/apis/argoproj.io/v1alpha1/namespaces/ci"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(bus_reading, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("hookline.controlling.healing.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("hookline.controlling.healing.REST_SECONDS", 0.5)
    found = Site(tmp_path)
    found.server.writes.clear()
    yield found
    found.server.stop()


class Running:
    """One instance."""

    def __init__(self, site: Site) -> None:
        self.healing = Healing(make_plan(load([site.file]), {}))
        self.ended = threading.Event()
        hands = Hands(
            Connection.of_kubeconfig(Path(site.kubeconfig), None),
            ControllerSettings(),
            lambda _source, _report: None,
        )
        self.thread = threading.Thread(target=self.healing.run, args=(hands, self.ended))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def value(self, name: str, *labels: str) -> float:
        return next(
            sample.value
            for family in self.healing.metrics()
            for sample in family.samples
            if sample.name == f"hookline_controller_bus_{name}" and tuple(sample.labels.values()) == labels
        )

    def looks(self, count: int) -> None:
        """Wait until so many looks have ended from now on."""
        for _ in range(count):
            before = self.value("last_look_timestamp_seconds")
            wait(lambda before=before: self.value("last_look_timestamp_seconds") > before)  # type: ignore[misc]


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def pods_are_made_again(site: Site, mended: Callable[[str], None]) -> None:
    """A deleted pod comes back at once, and something is well with it."""

    def see(method: str, path: str, _trial: bool) -> None:
        if method == "DELETE" and "/pods/" in path:
            mended(path.rpartition("/")[2])

    site.server.refuse = see


def deleted(site: Site) -> list[str]:
    return [each for each in site.server.writes if each.startswith("DELETE")]


def test_a_bus_that_is_well_is_left_alone(site: Site) -> None:
    with Running(site) as running:
        running.looks(4)
        assert running.healing.warnings() == []
        assert running.value("broken", "lost-stream") == 0
    assert site.server.writes == []


def test_a_lost_stream_is_said_and_mended_by_a_restart_of_the_sensors_alone(site: Site) -> None:
    well = copy.deepcopy(site.server.proxied)
    lose_the_stream(site)
    pods_are_made_again(site, lambda _: site.server.proxied.update(copy.deepcopy(well)))
    with capture_logs() as logs, Running(site) as running:
        wait(lambda: running.value("cures_total", "sensors", "done") == 1)
        running.looks(4)
        assert running.healing.warnings() == []
    assert deleted(site) == SENSORS
    assert [each["event"] for each in logs] == [
        "the bus is not well",
        "the bus is mended: pods are restarted",
        "the bus is well again",
    ]
    assert "has lost its stream" in logs[0]["troubles"][0]


def test_the_server_that_the_group_lacks_comes_before_the_sensors(site: Site) -> None:
    well = copy.deepcopy(site.server.proxied)
    lose_the_stream(site)
    split_the_group(site)

    def mended(pod: str) -> None:
        if pod.startswith("eventbus"):
            for each in PODS:
                path = f"{each}:8222/proxy/jsz"
                site.server.proxied[path][1]["meta_cluster"] = copy.deepcopy(well[path][1]["meta_cluster"])
        else:
            site.server.proxied.update(copy.deepcopy(well))

    pods_are_made_again(site, mended)
    with Running(site) as running:
        wait(lambda: running.value("cures_total", "sensors", "done") == 1)
        running.looks(3)
        assert running.healing.warnings() == []
    server, *sensors = deleted(site)
    assert server == f"DELETE Pod/{PODS[2]}"
    assert sensors == SENSORS


def test_a_sensor_without_its_state_is_restarted(site: Site) -> None:
    well = copy.deepcopy(site.server.proxied)
    lose_a_state(site)
    pods_are_made_again(site, lambda _: site.server.proxied.update(copy.deepcopy(well)))
    with Running(site) as running:
        wait(lambda: running.value("cures_total", "sensors", "done") == 1)
    assert deleted(site) == ["DELETE Pod/hookline-schedules-0"]


def test_what_is_seen_once_restarts_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookline.controlling.healing.CONFIRMED", 1000)
    lose_the_stream(site)
    with Running(site) as running:
        running.looks(3)
        assert running.value("broken", "lost-stream") == 1
        assert "has lost its stream" in running.healing.warnings()[0]
    assert site.server.writes == []


@pytest.mark.parametrize(
    "spoil",
    [
        lose_the_leader,
        lambda site: site.server.proxied.update({f"{PODS[0]}:8222/proxy/jsz": (503, "no")}),
        lambda site: site.server.objects[f"{API}/eventbus/default"].update(status={}),
    ],
)
def test_a_bus_that_is_not_whole_is_waited_for(site: Site, spoil: Callable[[Site], None]) -> None:
    lose_the_stream(site)
    spoil(site)
    with Running(site) as running:
        running.looks(5)
        assert running.healing.warnings() != []
    assert site.server.writes == []


def test_while_a_sensor_starts_it_is_given_time_to_mend_it_by_itself(site: Site) -> None:
    lose_the_stream(site)
    site.server.objects[f"{API}/sensors/hookline-1"]["status"] = {
        "conditions": [{"type": "Deployed", "status": "False"}]
    }
    with Running(site) as running:
        running.looks(4)
        assert site.server.writes == []
        wait(lambda: running.value("cures_total", "sensors", "done") == 1)


def test_a_right_that_is_missing_is_said_and_tried_again(site: Site) -> None:
    well = copy.deepcopy(site.server.proxied)
    lose_the_stream(site)
    site.server.refuse = lambda method, _path, _trial: (
        (403, "pods is forbidden") if method == "DELETE" else None
    )
    with capture_logs() as logs, Running(site) as running:
        wait(lambda: running.value("cures_total", "sensors", "failed") >= 2)
        assert "heal_bus: the bus is not mended: 403" in running.healing.warnings()[-1]
        assert "it needs the right to list and delete pods" in running.healing.warnings()[-1]
        pods_are_made_again(site, lambda _: site.server.proxied.update(copy.deepcopy(well)))
        wait(lambda: running.value("cures_total", "sensors", "done") == 1)
        wait(lambda: running.healing.warnings() == [])
    assert [each["event"] for each in logs].count("the bus is not mended") == 1


def test_a_bus_that_may_not_be_looked_at_is_said(site: Site) -> None:
    site.server.refuse = lambda _method, path, _trial: (403, "forbidden") if path.endswith("/pods") else None
    with Running(site) as running:
        wait(lambda: bool(running.healing.warnings()))
        assert "list pods in ci" in running.healing.warnings()[0]
    assert site.server.writes == []
