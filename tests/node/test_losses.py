"""Pods of the event path are lost, as spot capacity is reclaimed: which deliveries are answered, what is lost, what runs twice.

docs/reliability.md tells users what these tests find.
"""

import pytest
from cluster.waiting import until
from node.installation import NAMESPACE
from node.pushes import Pushes
from node.world import World

SERVERS = tuple(f"eventbus-default-js-{number}" for number in range(3))


@pytest.fixture(scope="module")
def pushes(world: World) -> Pushes:
    made = Pushes(world.hookline, "losses")
    made.push()
    made.check()
    return made


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
        lost = pushes.pods(selector)
        lose(world, *lost, grace=grace)
        until_replaced(world, pushes, selector, lost)
