"""What kubelet and the API server hold hookline's pods to: limits of memory, probes, and levels of Pod Security."""

import os
import re
import signal
from collections.abc import Iterator

import pytest
from cluster.api import ApiError, Json
from cluster.waiting import until
from node.declaration import MONITORING
from node.installation import NAMESPACE
from node.measuring import EXPORTER_POD, Counts, Exporter
from node.memory import MIB, Container, containers, memory_table, own_containers
from node.world import World

LEVELS = ("restricted", "baseline", "privileged")
"""Of Pod Security, the strictest first."""
LEVELS_OF_STEPS = {"git-checkout-pr": "baseline", "run-test": "baseline", "build-push-image": "privileged"}
"""docs/security.md; BuildKit makes a user namespace of its own."""


@pytest.fixture(scope="module")
def hung(world: World, exporter: Exporter) -> Iterator[tuple[Container, Counts]]:
    """The exporter's container, whose process does nothing any more; and what it had counted."""
    counted = exporter.counts("shop")
    (container,) = containers(world.cluster, MONITORING, EXPORTER_POD)
    for process in container.process_ids:
        os.kill(process, signal.SIGSTOP)
    yield container, counted
    exporter.until_counting()


def test_the_kernel_holds_every_container_to_the_limit_that_was_rendered(
    world: World, exporter: Exporter
) -> None:
    limits = {
        (each.pod.partition("-")[0], each.name): each
        for each in own_containers(world.cluster)
        if each.declared
    }
    assert {("hookline", "exporter"), ("hookline", "controller")} <= limits.keys()
    assert {name for _, name in limits} >= {"exporter", "controller", "main"}
    for each in limits.values():
        number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", each.declared).groups()  # type: ignore[union-attr]
        assert each.limit_bytes == int(number) * MIB * (1024 if unit == "Gi" else 1), each
        assert each.working_set_bytes < each.limit_bytes / 2, each
    print(memory_table(world.cluster))


def test_a_level_of_pod_security_takes_the_pods_that_the_page_names(
    world: World, hung: tuple[Container, Counts]
) -> None:
    for level in LEVELS:
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": f"level-{level}",
                "labels": {"pod-security.kubernetes.io/enforce": level},
            },
        }
        world.cluster.apply([namespace])
        account = f"kubectl -n level-{level} wait --for=create --timeout=60s serviceaccount/default"
        world.hookline.shell(account)
    pods = [pod for place in (NAMESPACE, MONITORING) for pod in world.cluster.api.list("v1", "Pod", place)]
    found: dict[str, set[str]] = {}
    for pod in pods:
        node = str(pod["metadata"].get("annotations", {}).get("workflows.argoproj.io/node-name", ""))
        what = next((step for step in LEVELS_OF_STEPS if f".{step}" in node), "" if node else "hookline")
        found.setdefault(what, set()).add(next(each for each in LEVELS if not refusal(world, each, pod)))
    found.pop("", None)
    assert found == {"hookline": {"restricted"}} | {step: {level} for step, level in LEVELS_OF_STEPS.items()}


def refusal(world: World, level: str, pod: Json) -> str:
    """What a namespace of this level says against a pod as it runs; empty if it takes it. Nothing is created."""
    left_out = {"serviceAccountName", "serviceAccount", "nodeName", "priority"}
    spec = {name: value for name, value in pod["spec"].items() if name not in left_out}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried", "namespace": f"level-{level}"},
        "spec": spec,
    }
    try:
        world.cluster.api.create(manifest, dry_run=True)
    except ApiError as error:
        if "violates PodSecurity" not in str(error):
            raise
        return str(error)
    return ""


def test_probes_take_a_hung_exporter_out_of_its_service_and_start_it_again_with_its_counts(
    world: World, exporter: Exporter, hung: tuple[Container, Counts]
) -> None:
    container, counted = hung

    def conditions() -> tuple[str, int]:
        (pod,) = world.cluster.api.list("v1", "Pod", MONITORING, EXPORTER_POD)
        assert pod["metadata"]["name"] == container.pod
        ready = next(each["status"] for each in pod["status"]["conditions"] if each["type"] == "Ready")
        return ready, int(pod["status"]["containerStatuses"][0]["restartCount"])

    until(lambda: conditions()[0] == "False" or conditions()[1], "the hung exporter is not ready", pause=0.5)
    # A busy machine may be slow to start it, and the kubelet then impatient.
    until(
        lambda: conditions()[0] == "True" and conditions()[1] >= 1,
        "kubelet started the hung exporter again",
        pause=0.5,
    )
    exporter.until_counting()
    assert exporter.counts("shop") == counted
