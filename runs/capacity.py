"""Capacity of a pod: what kind of node it ran on, and how large it was. This is what is billed.

Sources: the vendor's pages on annotations of ECI pods and on ACS.
"""

from collections.abc import Mapping
from typing import Any

from apiserver.raw_values import Json, list_of, map_of, text
from documents.quantities import amount

__all__ = ["GIB", "platform_of", "size_of"]

MAX_VCPU, MAX_MEMORY = 100_000.0, 2.0**50
"""No pod is larger: a size beyond was made up."""
GIB = 1024.0**3
"""Bytes."""


def platform_of(labels: Json, annotations: Json, node: str) -> str:
    """The platform: eci, acs or node.

    Args:
        labels: Of the pod.
        annotations: Of the pod.
        node: Name of its node; empty while it has none.
    """
    if "k8s.aliyun.com/eci-instance-id" in annotations or "k8s.aliyun.com/eci-instance-spec" in annotations:
        return "eci"
    if labels.get("alibabacloud.com/acs") == "true" or "alibabacloud.com/instance-id" in annotations:
        return "acs"
    return (
        "eci"
        if node.startswith("virtual-kubelet") or labels.get("alibabacloud.com/eci") == "true"
        else "node"
    )


def size_of(spec: Json, annotations: Json) -> tuple[float, float, str]:
    """vCPUs, bytes of memory and ECS type: what ECI bills where it says so, else what the containers request."""
    billed = text(annotations.get("k8s.aliyun.com/eci-instance-spec"))
    first, _, second = billed.partition("-")
    cpu, memory = amount(first), amount(second)
    if cpu and memory:
        return _bounded(cpu, memory, "")
    kind = billed if billed.startswith("ecs.") else ""
    cpu = amount(annotations.get("k8s.aliyun.com/eci-instance-cpu"))
    memory = _gibibytes(annotations.get("k8s.aliyun.com/eci-instance-mem"))
    if cpu and memory:
        return _bounded(cpu, memory, kind)
    requests = [
        map_of(map_of(each.get("resources")).get("requests"))
        for each in list_of(spec.get("containers"))
        if isinstance(each, Mapping)
    ]
    cpu = sum(amount(each.get("cpu")) for each in requests)
    return _bounded(cpu, sum(amount(each.get("memory")) for each in requests), kind)


def _gibibytes(value: Any) -> float:
    """Bytes of an amount that ECI writes in GiB, or with a unit."""
    return amount(f"{value}Gi") or amount(value)


def _bounded(vcpu: float, memory: float, instance_type: str) -> tuple[float, float, str]:
    return vcpu if vcpu <= MAX_VCPU else 0.0, memory if memory <= MAX_MEMORY else 0.0, instance_type
