"""What the cluster's tests share: one cluster, and a fresh namespace for each test."""

import itertools
from collections.abc import Iterator

import pytest
from cluster.control_plane import ControlPlane
from cluster.installation import Installation

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """The running cluster."""
    plane = ControlPlane()
    yield plane
    plane.stop()


@pytest.fixture
def site(cluster: ControlPlane) -> Iterator[Installation]:
    """A fresh namespace to install hookline in."""
    namespace = f"ci-{next(_numbers)}"
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    installation = Installation(cluster, namespace)
    yield installation
    installation.remove()
