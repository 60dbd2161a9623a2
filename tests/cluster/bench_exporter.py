"""What the exporter costs beside kube-state-metrics, on one API server with 8,000 Workflows and 24,000 pods: `make bench-cluster`.

Both list the same objects, one after the other, and rest; then the exporter alone is given 50 ended runs a second. The objects are
recorded ones of the real controller (tests/data/recordings), under other names.
"""

import copy
import http.client
import re
import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import yaml
from cluster.api import Api, Json
from cluster.control_plane import ControlPlane
from cluster.installation import API
from cluster.processes import Process, cpu_seconds
from cluster.waiting import until
from exporter_process import ExporterProcess
from recorded_days import last_objects

NAMESPACE = "bench"
RUNS = 8_000
PODS = 3
ROUNDS = 2
CHANGES_A_SECOND = 50
CHANGES = 1_500
PIPELINES = 500
PHASES = """\
kind: CustomResourceStateMetrics
spec:
  resources:
  - groupVersionKind: {group: argoproj.io, version: v1alpha1, kind: Workflow}
    labelsFromPath: {name: [metadata, name], namespace: [metadata, namespace]}
    metrics:
    - name: phase
      help: phase of a Workflow
      each: {type: StateSet, stateSet: {labelName: phase, path: [status, phase], list: [Pending, Running, Succeeded, Failed, Error]}}
"""


def bare(raw: Json, name: str, **metadata: Any) -> Json:
    """An object to create, of one that was read."""
    found = copy.deepcopy(raw)
    kept = {key: found["metadata"][key] for key in ("labels", "annotations") if key in found["metadata"]}
    found["metadata"] = kept | {"name": name, "namespace": NAMESPACE} | metadata
    return found


def fill(api: Api) -> None:
    """Write all objects, as a cluster holds them after some days."""
    workflow, pods = last_objects("green-full")
    assert len(pods) == PODS
    # The controller keeps the template in each Workflow; recordings leave it out.
    template = yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8"))
    workflow["status"]["storedWorkflowTemplateSpec"] = workflow["spec"] | template["spec"]

    def one(number: int) -> None:
        name = f"run-{number:05d}"
        made = api.create(bare(workflow, name))
        owner = {
            "apiVersion": API,
            "kind": "Workflow",
            "name": name,
            "uid": made["metadata"]["uid"],
            "controller": True,
        }
        for index, pod in enumerate(pods):
            raw = bare(pod, f"{name}-{index}", ownerReferences=[owner])
            raw["metadata"]["labels"]["workflows.argoproj.io/workflow"] = name
            raw["spec"] |= {"nodeName": "virtual-kubelet", "serviceAccountName": "default"}
            status = raw.pop("status")
            api.create(raw)
            api.patch("v1", "Pod", raw["metadata"]["name"], NAMESPACE, {"status": status}, "/status")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(RUNS)))


class Watched:
    """A process by its id: what it used."""

    def __init__(self, pid: int) -> None:
        self._pid, self._status = pid, Path(f"/proc/{pid}/status")

    def cpu(self) -> float:
        return cpu_seconds(self._pid)

    def mib(self, name: str) -> float:
        """VmRSS, or VmHWM, its peak."""
        return int(re.search(rf"{name}:\s+(\d+)", self._status.read_text())[1]) / 1024  # type: ignore[index]

    def until_resting(self, ready: Callable[[], bool], seconds: float = 240) -> float:
        """The time when it last worked: it is ready then, and uses less than a twentieth of a core for two seconds."""
        end = time.monotonic() + seconds
        worked, before, since = time.monotonic(), self.cpu(), time.monotonic()
        while time.monotonic() < end:
            time.sleep(0.1)
            now, used = time.monotonic(), self.cpu()
            if used - before > 0.05 * (now - since) or not ready():
                worked = now
            if now - since > 0.2:
                before, since = used, now
            if now - worked > 2:
                return worked
        raise TimeoutError("it did not come to rest")


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - loopback
        content: bytes = answer.read()
        return content


def answers(url: str) -> bool:
    try:
        return bool(get(url))
    except (OSError, http.client.HTTPException):
        return False


@contextmanager
def kube_state_metrics(cluster: ControlPlane) -> Iterator[Process]:
    settings = cluster.folder / "phases.yaml"
    settings.write_text(PHASES)
    arguments = [
        str(cluster.binary("kube-state-metrics", "kube-state-metrics")),
        f"--kubeconfig={cluster.kubeconfig}",
        "--resources=pods",
        f"--custom-resource-state-config-file={settings}",
        f"--namespaces={NAMESPACE}",
        "--host=127.0.0.1",
        "--port=8180",
        "--telemetry-host=127.0.0.1",
        "--telemetry-port=8181",
    ]
    process = Process("kube-state-metrics", arguments, cluster.folder / "kube-state-metrics.log")
    try:
        yield process
    finally:
        process.kill()


def measure_kube_state_metrics(cluster: ControlPlane) -> tuple[float, float, float, float]:
    """Seconds to sync, CPU seconds, MiB then, and at the peak with one scrape."""
    began = time.monotonic()
    with kube_state_metrics(cluster) as process:
        watched = Watched(process.pid)
        synced = watched.until_resting(lambda: answers("http://127.0.0.1:8181/metrics")) - began
        cpu, memory = watched.cpu(), watched.mib("VmRSS")
        scraped = time.monotonic()
        body = get("http://127.0.0.1:8180/metrics")
        seconds = time.monotonic() - scraped
        assert body.count(b"\nkube_pod_info{") == RUNS * PODS
        assert body.count(b'phase="Succeeded"} 1') >= RUNS
        peak = watched.mib("VmHWM")
    print(f"    kube-state-metrics: a scrape takes {seconds:.1f} s, {len(body) / 1e6:.0f} MB", flush=True)
    return synced, cpu, memory, peak


@contextmanager
def exporter(cluster: ControlPlane) -> Iterator[ExporterProcess]:
    folder = cluster.folder / f"exporter-{time.monotonic_ns()}"
    folder.mkdir()
    options = ("-n", NAMESPACE, "--ledger", str(folder / "ledger.db"))
    with ExporterProcess(cluster.kubeconfig, folder, *options) as found:
        yield found


def measure_exporter(cluster: ControlPlane) -> tuple[float, float, float, float]:
    """The same of the exporter."""
    began = time.monotonic()
    with exporter(cluster) as process:
        watched = Watched(process.process.pid)
        synced = watched.until_resting(lambda: answers(f"{process.url}/-/ready")) - began
        cpu, memory = watched.cpu(), watched.mib("VmRSS")
        process.get("/metrics")
        peak = watched.mib("VmHWM")
    return synced, cpu, memory, peak


def lag(cluster: ControlPlane) -> list[float]:
    """Seconds from the API server's answer to an ended run until a scrape counts it."""
    api = cluster.api
    metadata = {"namespace": NAMESPACE}
    spec = {"workflowTemplateRef": {"name": "ci-go-v1", "clusterScope": True}}

    def start(number: int) -> None:
        labels = {"hookline.dev/pipeline": f"lag-{number % PIPELINES}", "hookline.dev/event-kind": "push"}
        started = {"phase": "Running", "startedAt": now(), "nodes": {}}
        body = {
            "apiVersion": API,
            "kind": "Workflow",
            "metadata": metadata | {"name": f"lag-{number}", "labels": labels},
        }
        api.create(body | {"spec": spec, "status": started})

    with exporter(cluster) as process:
        until(lambda: answers(f"{process.url}/-/ready"), "the exporter is ready", 120)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(start, range(CHANGES)))
        ended: dict[int, float] = {}
        seen: dict[int, float] = {}
        counts: dict[int, int] = {}
        stop = threading.Event()
        line = re.compile(
            r'^hookline_runs_total\{.*,pipeline="lag-(\d+)",event="push",outcome="success"\} (\d+)',
            re.MULTILINE,
        )

        def scrape() -> None:
            while not stop.is_set():
                text = process.get("/metrics")
                when = time.monotonic()
                for pipeline, count in line.findall(text):
                    for before in range(counts.get(int(pipeline), 0), int(count)):
                        # Runs of a pipeline end in the order of their numbers.
                        seen[int(pipeline) + before * PIPELINES] = when
                    counts[int(pipeline)] = int(count)
                stop.wait(0.05)

        thread = threading.Thread(target=scrape)
        thread.start()
        cpu, began = Watched(process.process.pid).cpu(), time.monotonic()
        for number in range(CHANGES):
            pause = began + number / CHANGES_A_SECOND - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            change = {"status": {"phase": "Succeeded", "finishedAt": now()}}
            api.patch(API, "Workflow", f"lag-{number}", NAMESPACE, change)
            ended[number] = time.monotonic()
        seconds = time.monotonic() - began
        until(lambda: len(seen) == CHANGES, "all runs are counted", 60, pause=0.2)
        stop.set()
        thread.join()
        used = Watched(process.process.pid).cpu() - cpu
    print(
        f"    {CHANGES / seconds:.0f} changes a second, {used / seconds:.2f} cores with a scrape every 50 ms",
        flush=True,
    )
    return [seen[number] - when for number, when in ended.items()]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    """Print the figures side by side."""
    cluster = ControlPlane()
    api = cluster.api
    for manifest in ("Namespace", "ServiceAccount"):
        named = (
            {"name": NAMESPACE} if manifest == "Namespace" else {"name": "default", "namespace": NAMESPACE}
        )
        api.apply({"apiVersion": "v1", "kind": manifest, "metadata": named})
    # Nobody drives or collects the objects: their pods belong to a node that does not exist.
    for name in ("workflow-controller", "kube-controller-manager", "argo-events-controller"):
        cluster.process(name).kill()
    began = time.monotonic()
    fill(api)
    print(
        f"{RUNS:,} Workflows and {RUNS * PODS:,} pods, written in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    found: dict[str, list[tuple[float, ...]]] = {"exporter": [], "kube-state-metrics": []}
    for _ in range(ROUNDS):
        found["exporter"].append(measure_exporter(cluster))
        found["kube-state-metrics"].append(measure_kube_state_metrics(cluster))
    print("\n| | sync s | CPU s | RSS MiB after it | peak RSS MiB, with a scrape |\n|---|---|---|---|---|")
    medians = {
        name: [statistics.median(each) for each in zip(*rounds, strict=True)]
        for name, rounds in found.items()
    }
    for name, row in medians.items():
        print(f"| {name} | {' | '.join(f'{each:.1f}' for each in row)} |")
    ratios = [ours / theirs for ours, theirs in zip(*medians.values(), strict=True)]
    print(f"| ratio | {' | '.join(f'{each:.2f}' for each in ratios)} |\n", flush=True)
    times = sorted(lag(cluster))
    print(
        f"event-to-metric lag at {CHANGES_A_SECOND} changes a second: p50 {statistics.median(times):.2f} s, "
        f"p99 {times[int(len(times) * 0.99)]:.2f} s, longest {times[-1]:.2f} s"
    )
    cluster.stop()


if __name__ == "__main__":
    main()
