"""What the cluster's tests share: one cluster, and a fresh namespace for each test."""

import itertools
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import yaml
from cluster.control_plane import ControlPlane, WorkflowsRun
from cluster.installation import Installation
from cluster.virtual_node import VirtualNode

pytest.register_assert_rewrite("cluster.gitea_site")
_numbers = itertools.count(1)
FOLDER = Path("/run/cluster")
LOGS = os.environ.get("HOOKLINE_CLUSTER_LOGS")
"""Where the engines' logs are kept; without it they go with the namespaces."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the ends of its engines' logs."""
    report = yield
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and site is not None:
        logs = [*sorted(FOLDER.glob("*.log")), *sorted((FOLDER / "pods").glob(f"{site.namespace}.*.log"))]
        for log in logs:
            end = "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
            report.sections.append((f"end of {log.name}", end))
    return report


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """The running cluster."""
    plane = ControlPlane()
    yield plane
    plane.stop()
    if LOGS:
        shutil.copytree(
            FOLDER,
            LOGS,
            dirs_exist_ok=True,
            ignore=lambda _, names: [n for n in names if not n.endswith(".log") and n != "pods"],
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs on Argo Workflows 4 comes last: its definitions, which take a minute to be served, are applied once."""
    items.sort(key=lambda item: "argo-workflows-4" in item.name)


@pytest.fixture(scope="session", params=["argo-workflows", "argo-workflows-4"])
def workflows(cluster: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """The workflow-controller of each release, one after the other; the engine's name."""
    with cluster.workflows(WorkflowsRun(request.param)):
        yield request.param


@pytest.fixture(scope="session")
def node(cluster: ControlPlane) -> VirtualNode:
    """A node for the pods of Workflows, and the template that they refer to."""
    cluster.api.apply(yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8")))
    certificate = (str(cluster.certificate), str(cluster.folder / "server.key"))
    return VirtualNode(cluster.api, certificate=certificate)


@pytest.fixture
def site(cluster: ControlPlane) -> Iterator[Installation]:
    """A fresh namespace to install hookline in."""
    namespace = f"ci-{next(_numbers)}"
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    installation = Installation(cluster, namespace)
    yield installation
    installation.remove()
