"""Pods of the event path are lost, as spot capacity is reclaimed: which deliveries are answered, what is lost, what runs twice.

docs/reliability.md tells users what these tests find.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from cluster.waiting import PATIENCE, until
from node.installation import NAMESPACE
from node.pushes import Pushes
from node.scraping import Prometheus
from node.world import World
from support import ROOT

RUNBOOK = ROOT / "docs/runbooks/HooklineBusLost.md"
ALERTS = {"HooklineDeliveriesRefused"}
"""Of a lost bus, those that need no metrics of the bus: the image that serves them stands in here."""
OF_A_LOST_BUS = {"bus-group", "lost-stream"}
OF_THE_BUS = {*OF_A_LOST_BUS, "event-bus", "sensors", "subscriptions", "backlog"}
"""Checks of hookline doctor."""
SERVERS = tuple(f"eventbus-default-js-{number}" for number in range(3))


@pytest.fixture(scope="module")
def pushes(world: World) -> Pushes:
    made = Pushes(world.hookline, "losses")
    made.push()
    made.check()
    return made


@pytest.fixture(scope="module")
def alerting(world: World, pushes: Pushes) -> Iterator[Prometheus]:
    made = Prometheus(world.cluster, "alerting", 9091)  # it knows nothing of the losses before
    event_pods = pushes.pods("eventsource-name") | pushes.pods("sensor-name")
    until(lambda: event_pods <= made.scraped(), "Prometheus scrapes event sources and Sensors", pause=0.5)
    yield made
    made.stop()


def lose(world: World, *pods: str, grace: int = 0) -> None:
    """Delete pods as they go when their capacity is reclaimed: with a few seconds at most."""
    force = "--force" if grace == 0 else "--wait=false"
    world.hookline.shell(f"kubectl -n {NAMESPACE} delete pod {' '.join(pods)} --grace-period={grace} {force}")


def until_replaced(world: World, pushes: Pushes, selector: str, lost: set[str]) -> None:
    """Wait until other pods stand for the lost ones, and are ready."""
    until(lambda: not lost & pushes.pods(selector), f"{selector} was replaced", pause=0.3)
    world.cluster.until_ready(NAMESPACE, selector)


def test_each_server_of_the_bus_in_turn_is_lost_and_no_push(world: World, pushes: Pushes) -> None:
    with pushes.counting("each server of the bus in turn"):
        for server in SERVERS:
            lose(world, server)
            world.cluster.until_ready(NAMESPACE, "eventbus-name=default", count=3)


@pytest.mark.parametrize("grace", [0, 5])
@pytest.mark.parametrize("selector", ["eventsource-name", "sensor-name"])
def test_a_pod_of_the_event_path_is_reclaimed_while_pushes_flow(
    world: World, pushes: Pushes, selector: str, grace: int
) -> None:
    with pushes.counting(f"{selector} with {grace} s"):
        pushes.until_more_run()  # and more are about to
        lost = pushes.pods(selector)
        lose(world, *lost, grace=grace)
        until_replaced(world, pushes, selector, lost)


def test_a_bus_that_is_lost_altogether_is_seen_within_a_minute_and_healed_by_the_words_of_its_runbook(
    world: World, pushes: Pushes, alerting: Prometheus
) -> None:
    with world.bus_care.paused():  # its runbook is what is tested
        until(lambda: not alerting.firing(), "no alert is left of the tests before", 600, 1)
        assert not broken(world) & OF_THE_BUS
        began = time.monotonic()
        lose(world, *SERVERS)
        pushes.push(branches=1)
        limit = soon()

        def seen(by: str, condition: Callable[[], object]) -> None:
            until(condition, f"{by} tells of the lost bus", began + limit - time.monotonic(), 0.5)
            print(f"{by} told of the lost bus after {time.monotonic() - began:.0f} s")

        with ThreadPoolExecutor() as readers:
            told = [
                readers.submit(seen, "hookline doctor", lambda: broken(world) & OF_A_LOST_BUS),
                *(readers.submit(seen, each, partial(alerting.fires, each)) for each in ALERTS),
            ]
        for each in told:
            each.result()
        assert len(pushes.refused()) == 1
        read = time.monotonic()
        follow(world, commands())
        pushes.deliver_again_until_all_run()
        print(f"healed {time.monotonic() - read:.0f} s after the first command")
        with pushes.counting("the bus that was healed"):
            pass


def soon() -> float:
    """Seconds within which a lost bus is seen: a minute, unless other work keeps the machine busy."""
    busy = os.getloadavg()[0] > 3 * (os.cpu_count() or 1)
    return PATIENCE if busy else 60


def broken(world: World) -> set[str]:
    """The checks that hookline doctor finds broken."""
    said = world.hookline.shell("hookline doctor -o json || test $? = 1")
    return {each["check"] for each in json.loads(said)["items"] if each["state"] == "broken"}


def commands() -> list[str]:
    """What the runbook says to type, in its order."""
    to_do = RUNBOOK.read_text("utf-8").partition("## What to do\n")[2]
    return re.findall(r"^ {7}(\S.*)$", to_do, re.MULTILINE)


def follow(world: World, page: list[str]) -> None:
    """Type what a runbook says, as somebody who reads what each command prints."""
    said = ""
    for command in page:
        if "SERVER" in command:
            if (server := outside_of_the_group(said)) is None:
                continue
            print(f"the group formed without {server}")
            said = world.hookline.shell(command.replace("SERVER", server))
        elif command == "hookline doctor":
            until(lambda: not broken(world) & OF_THE_BUS, "no hop of the bus is broken", 120, 1)
        else:
            said = world.hookline.shell(command)


def outside_of_the_group(said: str) -> str | None:
    """The server that no other server names, if their groups are too small."""
    if set(re.findall(r'"cluster_size": (\d+)', said)) == {str(len(SERVERS))}:
        return None
    (server,) = set(SERVERS) - set(re.findall(r'"(?:leader|name)": "([^"]+)"', said))
    return server
