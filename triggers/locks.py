"""Locks of a run: the mutex that it holds alone, and the limit that it shares with the runs of other pipelines.

A limit is a semaphore of Argo's, whose size is a number in a ConfigMap. A run takes all its locks at once, and holds none while it waits.
Source: argo-workflows workflow/sync and pkg/apis/workflow/v1alpha1/workflow_types.go at v3.5.15, v3.6.19, v3.7.18, v4.0.10 and v4.1.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["LimitsObject", "limit_path", "locked", "mutex_path", "synchronization"]


@dataclass(frozen=True, slots=True)
class LimitsObject:
    """The ConfigMap that holds the limits."""

    name: str
    namespace: str

    def manifest(self, limits: Mapping[str, int]) -> dict[str, Any]:
        """The object.

        Args:
            limits: Name → most runs at once.
        """
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "data": {name: str(most) for name, most in sorted(limits.items())},
        }

    def reference(self, namespace: str) -> dict[str, Any]:
        """A semaphore without its key, for a Workflow of this namespace.

        Argo looks for the ConfigMap in the Workflow's namespace, unless the reference names another one. The runs of all namespaces
        then share the limit, because the name of the lock is that of the ConfigMap.
        """
        elsewhere = {} if namespace == self.namespace else {"namespace": self.namespace}
        return {"configMapKeyRef": {"name": self.name, "key": ""}, **elsewhere}


def synchronization(*, mutex: bool, semaphore: Mapping[str, Any] | None, lists: bool) -> dict[str, Any]:
    """The locks of a Workflow with empty places for their names; empty if there is none.

    Args:
        mutex: Whether it has one.
        semaphore: Reference to the limit, if it has one.
        lists: Whether the release of Argo Workflows reads `mutexes` and `semaphores`. One that does not takes a single lock.
    """
    found: dict[str, Any] = {}
    if mutex:
        found |= {"mutexes": [{"name": ""}]} if lists else {"mutex": {"name": ""}}
    if semaphore is not None:
        found |= {"semaphores": [dict(semaphore)]} if lists else {"semaphore": dict(semaphore)}
    return found


def mutex_path(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Path of the mutex's name in a Workflow that has one."""
    return (*_path(resource, "mutex", "mutexes"), "name")


def limit_path(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Path of the limit's name in a Workflow that has one."""
    return (*_path(resource, "semaphore", "semaphores"), "configMapKeyRef", "key")


def locked(spec: dict[str, Any], mutex: str | None, limit: str | None) -> None:
    """Put the names of the locks into their places in a Workflow's spec."""
    locks = spec.get("synchronization", {})
    if mutex is not None:
        (locks["mutexes"][0] if "mutexes" in locks else locks["mutex"])["name"] = mutex
    if limit is not None:
        semaphore = locks["semaphores"][0] if "semaphores" in locks else locks["semaphore"]
        semaphore["configMapKeyRef"]["key"] = limit


def _path(resource: Mapping[str, Any], one: str, several: str) -> tuple[str, ...]:
    lists = several in resource["spec"]["synchronization"]
    return ("spec", "synchronization", *((several, "0") if lists else (one,)))
