"""Prints the time from a push to the first container of its run, beside that of the same Workflow by kubectl, and the memory of hookline's pods.

make node-figures
"""

import contextlib
import itertools
import json
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# In place of this folder, whose kubernetes.py would hide the package.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parent.parent))

import urllib3
from cluster.api import Json
from cluster.waiting import until
from node.installation import API, NAMESPACE, Project
from node.measuring import Exporter
from node.memory import memory_table
from node.world import World

TRIES = 7
HOPS = ("push", "answered", "workflow", "pod", "scheduled", "running")
"""What is seen, in order: the push begins, the event source has answered the delivery, the Workflow is there, its first pod is there, is
on a node, and its main container runs."""
FIRST_STEP = "git-checkout-pr"


class Watcher:
    """Notes when the API server first tells of each thing."""

    def __init__(self, world: World) -> None:
        self.seen: defaultdict[str, dict[str, float]] = defaultdict(dict)
        """Name of a Workflow → what was seen of it → when, in seconds since 1970."""
        for kind, note in (("Workflow", self._workflow), ("Pod", self._pod)):
            threading.Thread(target=self._follow, args=(world, kind, note), daemon=True).start()

    @staticmethod
    def _follow(world: World, kind: str, note: Callable[[Json], None]) -> None:
        with contextlib.suppress(urllib3.exceptions.HTTPError):  # the end of the API server ends it
            for change in world.cluster.api.watch(API if kind == "Workflow" else "v1", kind, NAMESPACE):
                note(change["object"])

    def _workflow(self, found: Json) -> None:
        self.seen[found["metadata"]["name"]].setdefault("workflow", time.time())

    def _pod(self, found: Json) -> None:
        name = found["metadata"].get("labels", {}).get("workflows.argoproj.io/workflow")
        if name is None:
            return
        seen = self.seen[name]
        seen.setdefault("pod", time.time())
        if found["spec"].get("nodeName"):
            seen.setdefault("scheduled", time.time())
        states = found["status"].get("containerStatuses", [])
        if any(each["name"] == "main" and "waiting" not in each["state"] for each in states):
            seen.setdefault("running", time.time())

    def until_running(self, name: str) -> dict[str, float]:
        """When what of a Workflow was seen, as soon as its first container runs."""
        until(lambda: "running" in self.seen[name], f"the first container of {name} runs")
        return self.seen[name]


def pushed(world: World, shop: Project, watcher: Watcher, number: int) -> tuple[dict[str, float], str]:
    """One push; when what was seen, and its Workflow."""
    begun = time.time()
    commit = shop.push({"stamp.txt": f"push {number}\n"})
    name = world.hookline.until_run("shop", "push", commit)
    seen = watcher.until_running(name)
    (answered,) = {each.when for each in world.forge.gitea.answers(shop.hook) if each.commit == commit}
    return {"push": begun, "answered": answered, **seen}, name


def created(world: World, watcher: Watcher, name: str, number: int) -> dict[str, float]:
    """The same Workflow, created by kubectl."""
    found = world.cluster.api.get(API, "Workflow", name, NAMESPACE)
    copy = f"by-kubectl-{number}"
    manifest = {
        "apiVersion": API,
        "kind": "Workflow",
        "metadata": {"name": copy, "namespace": NAMESPACE},
        "spec": found["spec"],
    }
    begun = time.time()
    world.cluster.run("kubectl", "create", "-f", "-", given=json.dumps(manifest))
    return {"push": begun, **watcher.until_running(copy)}


def medians(title: str, seen: Sequence[Mapping[str, float]]) -> None:
    """Print the median of each hop, in milliseconds since the one before, and of all together."""
    hops = [hop for hop in HOPS if hop in seen[0]]
    spans = [
        f"{later} {statistics.median((each[later] - each[former]) * 1e3 for each in seen):.0f}"
        for former, later in itertools.pairwise(hops)
    ]
    whole = statistics.median((each[hops[-1]] - each[hops[0]]) * 1e3 for each in seen)
    print(f"{title}: {', '.join(spans)}; together {whole:.0f} ms")


def main() -> None:
    """Measure and print."""
    world = World()
    try:
        Exporter(world.hookline).until_counting()
        shop = Project(world.hookline, "shop")
        shop.add_webhooks()
        commit = shop.push(shop.files)
        world.hookline.until_ended(world.hookline.until_run("shop", "push", commit))
        world.say("the caches are warm")
        watcher = Watcher(world)
        by_push, by_kubectl = [], []
        for number in range(TRIES):
            seen, name = pushed(world, shop, watcher, number)
            by_push.append(seen)
            world.hookline.until_ended(name)
            by_kubectl.append(created(world, watcher, name, number))
            world.hookline.until_ended(f"by-kubectl-{number}")
        load = Path("/proc/loadavg").read_text().split()[0]
        print(f"{TRIES} warm runs each, load {load}; medians in ms since the hop before")
        medians("git push", by_push)
        medians("kubectl create", by_kubectl)
        print(memory_table(world.cluster))
    finally:
        world.stop()


if __name__ == "__main__":
    main()
