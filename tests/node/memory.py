"""The memory of hookline's pods, as their control groups count it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node.declaration import MONITORING
from node.installation import EVENT_PODS, NAMESPACE
from node.kubernetes import Kubernetes
from node.measuring import EXPORTER_POD

__all__ = ["Container", "containers", "memory_table", "own_containers"]

GROUPS = Path("/sys/fs/cgroup/memory/kubepods")
MIB = 1 << 20
CONTROLLER_POD = "app.kubernetes.io/name=hookline-controller"
"""Selects it."""


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs."""

    pod: str
    name: str
    declared: str
    """Its limit of memory as its pod has it: 512Mi; empty for none."""
    group: Path

    @property
    def limit_bytes(self) -> int:
        """What the kernel holds it to."""
        return int((self.group / "memory.limit_in_bytes").read_text())

    @property
    def working_set_bytes(self) -> int:
        """What cannot be taken from it: as kubelet counts, without files that were not used for a while."""
        counted = dict(line.split() for line in (self.group / "memory.stat").read_text().splitlines())
        return int((self.group / "memory.usage_in_bytes").read_text()) - int(counted["total_inactive_file"])

    @property
    def process_ids(self) -> list[int]:
        """Of its processes, as the node knows them."""
        return [int(each) for each in (self.group / "cgroup.procs").read_text().split()]


def containers(cluster: Kubernetes, namespace: str, selector: str) -> Iterator[Container]:
    """Every running container of these pods."""
    for pod in cluster.api.list("v1", "Pod", namespace, selector):
        declared = {each["name"]: each.get("resources", {}) for each in pod["spec"]["containers"]}
        for state in pod["status"].get("containerStatuses", []):
            if "running" in state["state"]:
                identifier = state["containerID"].rpartition("/")[2]
                (group,) = GROUPS.glob(f"**/pod{pod['metadata']['uid']}/{identifier}")
                limit = declared[state["name"]].get("limits", {}).get("memory", "")
                yield Container(pod["metadata"]["name"], state["name"], limit, group)


def own_containers(cluster: Kubernetes) -> list[Container]:
    """Of everything that hookline has running."""
    return [
        *containers(cluster, NAMESPACE, EVENT_PODS),
        *containers(cluster, NAMESPACE, CONTROLLER_POD),
        *containers(cluster, MONITORING, EXPORTER_POD),
    ]


def memory_table(cluster: Kubernetes) -> str:
    """Lines: pod, container, working set, limit."""
    found = own_containers(cluster)
    return "\n".join(
        f"{each.pod:55} {each.name:10} {each.working_set_bytes / MIB:6.0f} MiB  limit {each.declared or 'none'}"
        for each in found
    )
