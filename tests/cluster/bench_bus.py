"""How long it takes to read a full bus and to find lost runs: real NATS, real API server, the commands as processes.

The Sensors do not run, so every run is lost: no case is slower.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.control_plane import ControlPlane
from cluster.fleet import fleet, push_event
from cluster.installation import Installation

from bus.names import CLIENT_PORT

REPOSITORIES = 300
SHARDS = 8
FULL = 50_000
RECENT = 10_000
CHUNK = 1_000
HOOKLINE = Path(sys.executable).with_name("hookline")


def fill(site: Installation, count: int, commit: int) -> None:
    """Put this many events on the bus, each of another commit."""
    events = (push_event(site, each % REPOSITORIES, commit + each // REPOSITORIES) for each in range(count))
    while chunk := list(islice(events, CHUNK)):
        site.bus.publish(chunk)


def measured(what: str, *arguments: str) -> None:
    """Run a command, and print how long it took and what it held."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    result = subprocess.run([HOOKLINE, *arguments], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{what}: {seconds:.1f} s, {processor:.1f} s CPU, at most {after.ru_maxrss / 1024:.0f} MiB so far; load {os.getloadavg()[0]:.0f}"
    )
    print(f"    exit code {result.returncode}; {result.stderr.strip().splitlines()[-1]}", flush=True)


def main() -> None:
    """Fill a bus, then measure."""
    cluster = ControlPlane()
    site = Installation(cluster, "bench")
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}})
    try:
        text = fleet(REPOSITORIES, SHARDS).replace("namespace: ci", "namespace: bench")
        site.install(text)
        for pod in site.sensor_pods:
            pod.running.kill()
        fill(site, FULL - RECENT, 0)
        time.sleep(65)  # what is measured with --since is then exactly the recent ones
        recent = time.monotonic()
        fill(site, RECENT, FULL)
        time.sleep(10)
        (server,) = site.pods("EventBus/default")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "hookline.yaml"
            file.write_text(text, "utf-8")
            where = ("-f", str(file), "--kubeconfig", str(cluster.kubeconfig))
            bus = ("--bus-url", f"tls://{server.address.ip}:{CLIENT_PORT}")
            measured(f"events, the last 100 of {FULL:,}", "events", "--last", "100", *where, *bus)
            for what, dry in (
                ("reconcile --dry-run", ("--dry-run",)),
                ("reconcile, all of them lost", ()),
                ("reconcile, all of them there", ("--dry-run",)),
            ):
                # Anew each time: under load one of these takes minutes, and the recent events grow old.
                since = f"{round(time.monotonic() - recent) + 30}s"
                measured(what, "reconcile", "--grace", "1s", "--since", since, *where, *bus, *dry)
    finally:
        site.remove()
        cluster.stop()


if __name__ == "__main__":
    main()
