"""What 300 schedules cost as CronWorkflows and as calendar events, on the real engines: `make bench-cluster`.

Each case has a namespace of its own and a workflow-controller that was just started. First nothing fires; then all schedules fire in
one minute, which is the worst that can be. No node runs the pods of the runs, so that what counts is the creation of Workflows.
"""

import datetime
import os
import sys
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.control_plane import ControlPlane
from cluster.installation import Installation
from cluster.waiting import until

SCHEDULES = 300
IDLE_SECONDS = 20
READY_MINUTES = {"cron_workflow": 2, "calendar": 4}
"""Until they fire, counted from the apply: the event pods of a calendar have to start first."""


def nightly(minute: datetime.datetime, carrier: str) -> str:
    """A declaration of pipelines that fire in one minute of a day, UTC."""
    head = f"version: 1\ncluster: {{namespace: ci, schedules: {carrier}, event_bus: {{replicas: 1}}}}\npipelines:\n"
    return head + "".join(
        f"""\
  service-{number:04d}:
    repository: {{name: acme/service-{number:04d}, url: "https://github.com/acme/service-{number:04d}.git"}}
    image: registry.example.com/acme/service-{number:04d}
    events: {{schedule: {{at: "{minute.minute} {minute.hour} * * *", branch: main}}}}
"""
        for number in range(SCHEDULES)
    )


class Meter:
    """CPU and memory of the processes that schedules cost: the workflow-controller, and the pods of event sources and Sensors."""

    def __init__(self, plane: ControlPlane, site: Installation) -> None:
        """Watch these."""
        self._plane, self._site = plane, site

    def cpu(self) -> tuple[float, float]:
        """Seconds so far: of the controller, of the event pods."""
        pods = sum(pod.running.cpu_seconds() for pod in self._event_pods())
        return self._plane.process("workflow-controller").cpu_seconds(), pods

    def mebibytes(self) -> tuple[float, float]:
        """Resident memory of the same."""
        pods = sum(pod.running.resident_bytes() for pod in self._event_pods())
        return self._plane.process("workflow-controller").resident_bytes() / 2**20, pods / 2**20

    def count(self) -> int:
        """Event pods, without the bus."""
        return len(self._event_pods())

    def idle(self) -> tuple[float, float]:
        """CPU of the same while nothing happens, in milliseconds a second."""
        before = self.cpu()
        time.sleep(IDLE_SECONDS)
        first, second = (
            1_000 * (after - then) / IDLE_SECONDS for after, then in zip(self.cpu(), before, strict=True)
        )
        return first, second

    def _event_pods(self) -> list:  # type: ignore[type-arg]
        return [*self._site.sensor_pods, *self._site.pods("EventSource/hookline-calendar")]


def measure(plane: ControlPlane, carrier: str) -> None:
    """Print one row."""
    namespace = f"bench-{carrier.replace('_', '-')}"
    plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    plane.restart_workflow_controller()
    site = Installation(plane, namespace)
    meter = Meter(plane, site)
    time.sleep(15)  # the controller starts
    alone, alone_idle = meter.mebibytes()[0], meter.idle()[0]
    now = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
    minute = now + datetime.timedelta(minutes=READY_MINUTES[carrier] + 1)
    site.apply(nightly(minute, carrier))
    if carrier == "calendar":
        plane.kubelet.sync(namespace)
        # Argo Events logs a sample of so many equal lines, so that none says when the last entry is there.
        site.until_fetching(site.consumers)
    time.sleep(20)  # the controller reads CronWorkflows, the calendar its entries
    memory, idle = meter.mebibytes(), meter.idle()
    left = (minute - datetime.datetime.now(datetime.UTC)).total_seconds()
    if left < 1:
        raise RuntimeError(f"{carrier}: the machine was too slow to be ready before they fire")
    time.sleep(left)
    before = meter.cpu()
    until(lambda: len(site.workflows()) >= SCHEDULES, f"{SCHEDULES} Workflows exist", 300, pause=2)
    used = [after - then for after, then in zip(meter.cpu(), before, strict=True)]
    created = sorted(
        datetime.datetime.fromisoformat(each["metadata"]["creationTimestamp"]) for each in site.workflows()
    )
    seconds = [(each - minute).total_seconds() for each in created]
    row = [
        carrier,
        str(meter.count()),
        f"{memory[1]:.0f}",
        f"{idle[1]:.0f}",
        f"{memory[0] - alone:.0f}",
        f"{idle[0] - alone_idle:.0f}",
        f"{seconds[len(seconds) // 2]:.0f}",
        f"{seconds[-1]:.0f}",
        f"{used[1]:.1f}",
        f"{used[0]:.1f}",
        str(len(created)),
        f"{os.getloadavg()[0]:.0f}",
    ]
    print(f"| {' | '.join(row)} |", flush=True)
    site.remove()


def main() -> None:
    """Print the table."""
    plane = ControlPlane()
    plane.api.apply(yaml.safe_load((Path(__file__).parent / "ci-go-v1.yaml").read_text("utf-8")))
    print(f"{datetime.datetime.now().astimezone():%Y-%m-%d}; {SCHEDULES} schedules that fire in one minute\n")
    print(
        "| fired by | event pods | their RSS MiB | idle CPU ms a second | controller's RSS MiB more | its idle CPU ms a second more | "
        "half of the Workflows after s | all after s | CPU s of event pods | of the controller | Workflows | load |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for carrier in ("cron_workflow", "calendar"):
        measure(plane, carrier)
    plane.stop()


if __name__ == "__main__":
    main()
