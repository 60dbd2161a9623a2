"""Capacity: the size of a pod, as ECI bills it or as its containers request it."""

from typing import Any

import pytest

from runs.objects import pod_of


def size(annotations: dict[str, str], *requests: dict[str, Any]) -> tuple[float, float]:
    found = pod_of(
        {
            "metadata": {
                "uid": "p",
                "creationTimestamp": "2026-09-21T14:13:20Z",
                "ownerReferences": [{"kind": "Workflow", "uid": "w"}],
                "annotations": {f"k8s.aliyun.com/{key}": value for key, value in annotations.items()}
                | {"workflows.argoproj.io/node-id": "n"},
            },
            "spec": {"containers": [{"resources": {"requests": each}} for each in requests]},
        }
    )
    assert found is not None
    return found.vcpu, found.memory_bytes


GIB = 2**30


def test_the_size_of_a_pod_is_what_its_containers_request() -> None:
    assert size({}, {"cpu": "1e3m", "memory": "1e9"}) == (0, 1e9)
    vcpu, memory = size({}, {"cpu": "1e-1", "memory": "1G"}, {"cpu": "100u", "memory": "1Gi"})
    assert vcpu == pytest.approx(0.1001)
    assert memory == 10**9 + GIB
    assert size({}, {"cpu": "9" * 400, "memory": "9" * 400}) == (0, 0)


@pytest.mark.parametrize(
    "annotations",
    [
        {"eci-instance-spec": "2.0-4.0Gi"},
        {"eci-instance-spec": "2-4Gi"},
        {"eci-instance-cpu": "2.0", "eci-instance-mem": "4.0"},
        {"eci-instance-cpu": "2000m", "eci-instance-mem": "4Gi"},
    ],
    ids=str,
)
def test_the_size_of_a_pod_is_what_eci_billed(annotations: dict[str, str]) -> None:
    assert size(annotations, {"cpu": "1", "memory": "1G"}) == (2, 4 * GIB)


def test_a_hostile_size_of_eci_is_no_size() -> None:
    many = "9" * 400
    for annotations in (
        {"eci-instance-spec": f"{many}-4Gi"},
        {"eci-instance-spec": f"2-{many}Gi"},
        {"eci-instance-cpu": many, "eci-instance-mem": many},
    ):
        assert size(annotations, {"cpu": "1", "memory": "1G"}) == (1, 10**9)
