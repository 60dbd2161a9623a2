"""Duties of the bus in the controller, against a bus and an API server on loopback."""

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from bus_cluster import NOW, BusCluster, pushed

from apiserver.connection import Connection
from hookline.bus_access import bus_of
from hookline.controlling.duties import Arrival
from hookline.controlling.follower import Follower
from hookline.declaration.loading import load
from hookline.plan.planning import Plan, make_plan
from runs.controller.duty import Hands
from runs.controller.settings import ControllerSettings


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[BusCluster]:
    found = BusCluster(tmp_path)
    yield found
    found.stop()


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Heard:
    """A duty that keeps what it is told."""

    name = "heard"

    def __init__(self, fails_at: int = -1) -> None:
        self.arrivals: list[Arrival] = []
        self.looks = 0
        self.fails_at = fails_at

    @property
    def places(self) -> list[int]:
        return [each.message.sequence for each in self.arrivals]

    def arrived(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        if arrival.message.sequence == self.fails_at:
            raise RuntimeError("a fault")

    def looked(self, now: float) -> None:
        assert abs(now - time.time()) < 60
        self.looks += 1


class Following:
    """A follower that runs, with its duties."""

    def __init__(self, cluster: BusCluster, *duties: Heard) -> None:
        plan = make_plan(load([cluster.file]), {})
        url = ("127.0.0.1", cluster.nats.port)
        made = [_maker(each) for each in duties]
        self.follower = Follower(plan, lambda connection: bus_of(plan, connection, url, in_pod=False), made)
        self.ended = threading.Event()
        hands = Hands(
            Connection.of_kubeconfig(cluster.kubeconfig, None),
            ControllerSettings(),
            lambda _source, _report: None,
        )
        self.thread = threading.Thread(target=self.follower.run, args=(hands, self.ended))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def value(self, name: str, *labels: str) -> float:
        """A sample."""
        return next(
            sample.value
            for family in self.follower.metrics()
            for sample in family.samples
            if sample.name == name and tuple(sample.labels.values()) == labels
        )


def _maker(duty: Heard) -> Callable[[Plan, Hands], Heard]:
    return lambda _plan, _hands: duty


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookline.controlling.follower.ROUND_SECONDS", 0.02)
    monkeypatch.setattr("hookline.controlling.follower.PAUSE_SECONDS", 0.02)


def test_each_message_is_given_once_with_what_the_pipelines_make_of_it(cluster: BusCluster) -> None:
    cluster.nats.put(pushed(1), NOW - datetime.timedelta(minutes=61))  # too old
    cluster.receive(2)
    cluster.nats.put(b"no JSON", NOW, "default.hookline-webhooks.github")
    heard = Heard()
    with Following(cluster, heard) as following:
        wait(lambda: heard.looks > 2)
        assert heard.places == [2, 3]
        cluster.nats.put(pushed(7, ref="refs/heads/next"), NOW)
        cluster.nats.put(pushed(8), NOW)
        wait(lambda: heard.places == [2, 3, 5, 6])
        looks = heard.looks
        wait(lambda: heard.looks > looks + 2)
        assert following.value("hookline_controller_bus_events_total", "unreadable") == 1
        assert following.value("hookline_controller_bus_events_total", "handed") == 4
        assert following.value("hookline_controller_bus_up") == 1
    assert heard.places == [2, 3, 5, 6]
    first, _, other, _ = heard.arrivals
    assert [(each.pipeline, each.workflow is not None) for each in first.results] == [("shop", True)]
    assert [(each.reason, each.workflow) for each in other.results] == [("BRANCHES", None)]
    assert (first.event["kind"], first.event["sha"]) == ("push", f"{1:040x}")
    assert first.delivery.event_source == "hookline-webhooks"
    assert cluster.nats.consumers == {}


def test_a_bus_that_is_gone_is_said_and_followed_on_when_it_is_back(cluster: BusCluster) -> None:
    cluster.receive(2)
    heard = Heard()
    with Following(cluster, heard) as following:
        wait(lambda: heard.places == [1, 2])
        cluster.nats.has_stream = False
        wait(lambda: bool(following.follower.warnings()))
        assert "has no stream" in following.follower.warnings()[0]
        assert following.value("hookline_controller_bus_up") == 0
        cluster.nats.has_stream = True
        cluster.nats.put(pushed(3), NOW)
        wait(lambda: heard.places == [1, 2, 3])
        wait(lambda: not following.follower.warnings())


def test_a_stream_that_was_made_anew_begins_again(cluster: BusCluster) -> None:
    cluster.receive(3)
    heard = Heard()
    with Following(cluster, heard):
        wait(lambda: heard.places == [1, 2, 3])
        cluster.nats.messages.clear()
        cluster.nats.last = 0
        cluster.nats.created = NOW
        cluster.nats.put(pushed(9), NOW)
        wait(lambda: heard.places == [1, 2, 3, 1])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda c: c.api.objects.clear(), "there is no EventBus default in ci"),
        (lambda c: c.put_secret("username: client\npassword: another"), "uthorization"),
        (lambda c: setattr(c.api, "refuse", lambda *_: (403, "you may not")), "you may not"),
    ],
)
def test_a_bus_that_cannot_be_asked_for_is_a_warning(
    cluster: BusCluster, spoil: Callable[[BusCluster], Any], said: str
) -> None:
    spoil(cluster)
    with Following(cluster, Heard()) as following:
        wait(lambda: bool(following.follower.warnings()))
        assert said in following.follower.warnings()[0]


def test_a_duty_that_fails_keeps_nothing_from_the_others(cluster: BusCluster) -> None:
    cluster.receive(3)
    broken, heard = Heard(fails_at=2), Heard()
    broken.name = "broken"
    with Following(cluster, broken, heard) as following:
        wait(lambda: heard.looks > 0)
        assert (broken.places, heard.places) == ([1, 2, 3], [1, 2, 3])
        assert following.value("hookline_controller_bus_duty_errors_total", "broken") == 1
        assert following.value("hookline_controller_bus_duty_errors_total", "heard") == 0
