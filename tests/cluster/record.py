"""Records runs, and scrapes of Argo Events, for the tests and the demo, which need no cluster then: `make recordings`.

`make recordings HISTORIES="stopped-waiting terminated-waiting"` records these runs alone, and puts them beside what is kept.

The real controller drives them, on pods that take real seconds of the virtual node, and `hookline record` writes down what the
API server says. Each history is one run, named by it; tests/recorded_days.py makes days of them.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.control_plane import ControlPlane
from cluster.deliveries import signed
from cluster.fleet import fleet, push_body
from cluster.histories import HISTORIES, NAMESPACE, RETRYING, History, fails, green_with, log, play
from cluster.installation import API, Installation
from cluster.virtual_node import VirtualNode
from cluster.waiting import until
from recorded_days import RUNS, keep_others, pack

SCRAPES = Path(__file__).parents[1] / "data/scrapes"
LEFT_OUT = {"workflow-deleted", "other-template", "short-ttl", "green-odd-event"}
"""Nothing of them ends up among the runs, or they are like another one."""
RED_TEST = log("go", "go1.22-20", b"Start Go Test...\n", b"")
MORE: Mapping[str, History] = {
    name: History(happens, {}, spot=True)
    for name, happens in {
        "green-full": green_with(checkout=("git", "02"), build=("buildkit", "02")),
        "green-full-again": green_with(test=("go", "go1.22-03"), build=("buildkit", "11")),
        "green-modules": green_with(test=("go", "go1.22-09"), build=("buildkit", "04")),
        "green-cached-tests": green_with(test=("go", "go1.22-04")),
        "green-unreachable": green_with(checkout=("git", "04"), build=("buildkit", "06")),
        "red-spot": fails("run-test", 1, RED_TEST),
    }.items()
}


def scrape(site: Installation, number: int) -> None:
    """Keep what Argo Events says of itself, without what every Go program says."""
    SCRAPES.mkdir(exist_ok=True)
    for pod in site.pods():
        kind = pod.owner.partition("/")[0].lower()
        if kind not in {"eventsource", "sensor"}:
            continue
        with urllib.request.urlopen(f"http://{pod.address.ip}:7777/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        kept = [line for line in lines if "argo_events_" in line]
        (SCRAPES / f"argo-events-{kind}-{number}.txt").write_text("\n".join(kept) + "\n")


def record_scrapes(cluster: ControlPlane) -> None:
    """Deliveries that work, one that is forged, and one whose Workflow may not be created."""
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "scrapes"}})
    site = Installation(cluster, "scrapes")
    site.install(fleet(2))
    push = {"X-GitHub-Event": "push"}
    for commit in range(2):
        site.deliver("github", signed("github", "/github", push_body(0, commit), push))
    site.until_workflows(2)
    scrape(site, 1)
    site.deliver("github", signed("github", "/github", push_body(1, 7), push))
    site.until_workflows(3)
    forged = signed("github", "/github", push_body(1, 8), push)
    site.deliver(
        "github", replace(forged, headers={**forged.headers, "X-Hub-Signature-256": "sha256=" + "0" * 64})
    )
    cluster.api.delete_all("rbac.authorization.k8s.io/v1", "RoleBinding", "scrapes")
    site.deliver("github", signed("github", "/github", push_body(1, 9), push))
    time.sleep(20)  # the attempts
    scrape(site, 2)
    site.remove()


def main() -> None:
    """Play them and keep what was recorded."""
    chosen = sys.argv[1:]
    cluster = ControlPlane()
    if not chosen or chosen == ["scrapes"]:
        record_scrapes(cluster)
    if chosen == ["scrapes"]:
        cluster.stop()
        return
    api = cluster.api
    api.apply(yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8")))
    api.apply(RETRYING)
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "hookline-exporter", "namespace": NAMESPACE},
        }
    )
    certificate = (str(cluster.certificate), str(cluster.folder / "server.key"))
    node = VirtualNode(api, certificate=certificate, paces=random.Random(1))
    histories = {**{name: each for name, each in HISTORIES.items() if name not in LEFT_OUT}, **MORE}
    if chosen:
        histories = {name: histories[name] for name in chosen}
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept) / "recording"
        command = ["record", str(folder), "--kubeconfig", str(cluster.kubeconfig), "-n", NAMESPACE]
        recorder = subprocess.Popen([sys.executable, "-m", "hookline", *command], env={**os.environ})
        time.sleep(3)  # what happens before it watches is in its first list only, the end of a run alone
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: play(cluster, node, *each), histories.items()))
        until(
            lambda: all(_ended(each) for each in api.list(API, "Workflow", NAMESPACE)),
            "all runs have ended",
            60,
        )
        time.sleep(5)  # the logs of the last steps
        recorder.terminate()
        recorder.wait(20)
        if chosen:
            keep_others(folder, histories)
        pack(folder, RUNS)
    print(f"{RUNS}: {RUNS.stat().st_size:,} bytes, {len(histories)} runs")
    cluster.stop()


def _ended(workflow: Mapping[str, Mapping[str, str]]) -> bool:
    return workflow.get("status", {}).get("phase") in {"Succeeded", "Failed", "Error"}


if __name__ == "__main__":
    main()
