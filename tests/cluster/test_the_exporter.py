"""The exporter on the real API server: runs that the real controllers drive, on pods that the virtual node plays.

All histories run, six at a time, and then the whole is compared. Meanwhile the API server goes away and comes back, and the exporter
and the workflow-controller are killed and started again.
"""

import contextlib
import functools
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from cluster.api import ApiError
from cluster.control_plane import ControlPlane
from cluster.fan_outs import FAN_OUTS, RUNS, TEMPLATE, FanOutPlay, start
from cluster.histories import HISTORIES, NAMESPACE, RETRYING, VANISHING, play
from cluster.installation import API
from cluster.virtual_node import VirtualNode
from cluster.waiting import NotYet, until
from exporter_process import ExporterProcess
from support import exporter_of

WORDS = {
    "hookline_runs_total": "runs",
    "hookline_step_attempts_total": "attempts",
    "hookline_image_builds_total": "images",
    "hookline_cache_hits_total": "hits",
    "hookline_spot_pods_total": "spot",
    "hookline_spot_reclaims_total": "reclaims",
    "hookline_spot_degraded_total": "degraded",
    "hookline_spot_wasted_vcpu_seconds_total": "wasted",
    "hookline_observations_lost_total": "lost",
}
"""Family → how histories call it."""


def metrics(exporter: ExporterProcess) -> Counter[tuple[str, ...]]:
    """What the exporter says: the word of a family and its labels → value, without zeros."""
    samples = [each for each in exporter.samples() if each.name in WORDS and each.value]
    found: Counter[tuple[str, ...]] = Counter()
    for each in samples:
        # All runs are of one namespace, and of no owner.
        words = (value for label, value in each.labels.items() if label not in {"namespace", "owner"})
        found[WORDS[each.name], *words] += round(each.value)
    return found


@pytest.fixture
def account(cluster: ControlPlane) -> Path:
    """A namespace with the exporter's own account, and a kubeconfig of it: it has the rights of its manifests, no more."""
    api = cluster.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for manifest in exporter_of(NAMESPACE, "none"):
        if manifest["kind"] in {"ServiceAccount", "Role", "RoleBinding"}:
            api.apply(manifest)
    kubeconfig = yaml.safe_load(cluster.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": api.token(NAMESPACE, "hookline-exporter")}
    path = cluster.folder / "exporter.kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    return path


def remove_pods(cluster: ControlPlane) -> list[str]:
    """Remove what pods there are, as nobody else does: no kubelet ends them, and Argo holds them by a finalizer."""
    found = [each["metadata"]["name"] for each in cluster.api.list("v1", "Pod", NAMESPACE)]
    for name in found:
        with contextlib.suppress(ApiError):
            cluster.api.patch("v1", "Pod", name, NAMESPACE, {"metadata": {"finalizers": None}})
            cluster.api.call(
                "DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods/{name}", {"gracePeriodSeconds": 0}
            )
    return found


@pytest.fixture
def exporter(cluster: ControlPlane, account: Path, tmp_path: Path) -> Iterator[ExporterProcess]:
    configuration = tmp_path / "config.yaml"
    configuration.write_text("adopt: [adopted]\n")
    options = (
        *("-n", NAMESPACE, "--ledger", str(tmp_path / "ledger.db"), "--config", str(configuration)),
        *("--lease", f"{NAMESPACE}/hookline-exporter"),
    )
    with ExporterProcess(account, tmp_path, *options) as found:
        # An exporter that was killed has left its lease, which somebody else gets only when it has run out.
        found.until(lambda: found.value("hookline_leader") == 1 and found.ready(), 120)
        yield found
    cluster.api.delete_all(API, "Workflow", NAMESPACE)
    until(lambda: not remove_pods(cluster), "the pods are gone, whose names come again", 60)
    if logs := os.environ.get("HOOKLINE_CLUSTER_LOGS"):
        Path(logs).mkdir(exist_ok=True)
        (Path(logs) / "exporter.log").write_text(found.said)


def test_thirty_histories_add_up_to_exactly_what_happened(
    cluster: ControlPlane, workflows: str, node: VirtualNode, exporter: ExporterProcess
) -> None:
    cluster.api.apply(RETRYING)
    # What goes away is seen by an exporter that is up; else it is lost, as other tests show.
    names = sorted(HISTORIES, key=lambda name: name not in VANISHING)
    assert len(names) >= 30
    expected: Counter[tuple[str, ...]] = Counter()
    half = len(names) // 2
    happen = functools.partial(play, cluster, node)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(happen, names[:half]))
        cluster.process("kube-apiserver").kill()
        cluster.restart_api_server()
        # Killed while runs begin, and started again while they end: what happened meanwhile is found by the next start.
        rest = [pool.submit(happen, name) for name in names[half:]]
        rest[0].result()
        exporter.kill()
        rest[6].result()
        exporter.start()
        rest[8].result()
        cluster.restart_workflow_controller()
        for each in rest:
            each.result()
    for history in HISTORIES.values():
        expected.update(history.adds)

    def counted() -> Counter[tuple[str, ...]]:
        # Caches of runs that hookline did not start are told by "green" already.
        found = metrics(exporter).items()
        return Counter(
            {key: value for key, value in found if key[0] not in {"hits", "images"} or key[1] == "shop"}
        )

    def difference() -> dict[tuple[str, ...], tuple[int, int]]:
        found = counted()
        keys = found.keys() | expected.keys()
        return {
            key: (found[key], expected[key])
            for key in keys
            if key[2:] not in {("go_test",), ("go_module",)}
            and found[key] != expected[key]
            and not _raced(key, found[key] - expected[key])
        }

    try:
        until(lambda: not difference(), "the metrics are what happened", pause=0.5)
    except NotYet:
        assert difference() == {}, exporter.said
    print(f"exporter on {workflows}: {len(names)} histories")


def test_fan_outs_are_counted_as_what_happened_and_are_runs_nowhere(
    cluster: ControlPlane, workflows: str, node: VirtualNode, exporter: ExporterProcess
) -> None:
    cluster.api.apply(TEMPLATE)
    waiting = FanOutPlay(cluster, node, "fan-out-waiting")
    start(waiting)
    pod = waiting.begin()
    waiting.say(pod, 10)
    where = {"namespace": NAMESPACE, "source": "registry"}
    exporter.until(lambda: exporter.value("hookline_fan_out_runs_waiting", **where) == RUNS - 10)
    happen = [FanOutPlay(cluster, node, name) for name in FAN_OUTS]
    for number, run in enumerate(happen):
        start(run)
        FAN_OUTS[run.name].play(run)
        run.until_phase("Succeeded", "Failed", "Error")
        if number == 1:
            # Killed with fan-outs that it has counted, that go on, and that end meanwhile.
            exporter.kill()
        if number == 2:
            exporter.start()
    waiting.say(pod, RUNS, {"started": RUNS})
    node.end(pod)
    outcomes = Counter(["success", *(each.outcome for each in FAN_OUTS.values())])
    results = Counter({"started": RUNS})
    for each in FAN_OUTS.values():
        results.update(each.results)

    def counted(name: str, label: str) -> Counter[str]:
        found = (each for each in exporter.samples() if each.name == name and each.value)
        return Counter({each.labels[label]: round(each.value) for each in found})

    def what_happened() -> bool:
        return (
            counted("hookline_fan_outs_total", "outcome") == outcomes
            and counted("hookline_fan_out_runs_total", "result") == results
        )

    with contextlib.suppress(NotYet):
        until(what_happened, "the metrics are what happened", pause=0.5)
    assert counted("hookline_fan_outs_total", "outcome") == outcomes, exporter.said
    assert counted("hookline_fan_out_runs_total", "result") == results
    assert not exporter.value("hookline_fan_out_runs_waiting", **where)
    assert metrics(exporter) == {}
    print(f"exporter on {workflows}: {len(happen) + 1} fan-outs")


def _raced(key: tuple[str, ...], surplus: int) -> bool:
    """What the one history whose logs may be gone can have added."""
    most: dict[tuple[str, ...], int] = {
        ("images", "shop", "partial"): 1,
        ("hits", "shop", "image_layer"): 5,
        ("hits", "shop", "git_checkout"): 1,
    }
    # An evicted attempt ends when it was missed, by the node's clock: its waste is not known to the second.
    return 0 <= surplus <= most.get(key, 0) or (key == ("wasted", "shop") and surplus >= 0)
