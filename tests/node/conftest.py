"""What the tests on the node share: one node with hookline on it."""

from collections.abc import Iterator

import pytest
from node.world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Everything, running."""
    made = World()
    yield made
    made.stop()
