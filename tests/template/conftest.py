"""What the templates' tests share: the servers, and a fresh namespace with a repository for each test."""

from collections.abc import Iterator

import pytest
from template.world import Site, World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Servers for all tests."""
    made = World()
    yield made
    made.stop()


@pytest.fixture
def site(world: World, request: pytest.FixtureRequest) -> Site:
    """A repository for hookline-ci-go, on a volume of its own; where a test says so, for runs whose steps are containers of one pod."""
    return world.site(one_pod=getattr(request, "param", False))
