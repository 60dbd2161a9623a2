"""What the tests on the node share: one node with hookline on it."""

from collections.abc import Iterator

import pytest
from node.installation import Hookline
from node.legacy import install_last_version
from node.measuring import Exporter
from node.scraping import Prometheus
from node.world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Everything, running."""
    made = World()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def exporter(world: World) -> Exporter:
    """The exporter's pod, counting."""
    made = Exporter(world.hookline)
    made.until_counting()
    world.say("the exporter counts")
    return made


@pytest.fixture(scope="session")
def prometheus(world: World, exporter: Exporter) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the exporter."""
    made = Prometheus(world.cluster)
    made.until('count(up{job="hookline-exporter"} == 1)', 1)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def legacy(world: World) -> Hookline:
    """An installation of the last version, which takes its time to be ready: asked for early, it does so beside other tests."""
    return install_last_version(world)
