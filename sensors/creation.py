"""Creation: the one object that a trigger makes of an event, and what it takes to make it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensors.parameters import Parameter, set_path

__all__ = ["CREATE", "PATCH", "Creation", "CreationMode"]


@dataclass(frozen=True, slots=True)
class CreationMode:
    """The way in which a Sensor creates objects on a platform."""

    operation: str
    """patch: an existing object of the name is left as it is; create: it is an error there."""
    verbs: tuple[str, ...]
    """Rights that the operation needs; `patch` on a missing object reads, then creates it (argo-events
    pkg/sensors/triggers/standard-k8s)."""
    retry: Mapping[str, Any]
    keeps_events: bool
    """Whether events that wait on the bus survive an edit of the table: see `sensors.manifests`."""


PATCH = CreationMode(
    operation="patch",
    verbs=("get", "create", "patch"),
    # 2 + 4 + 8 + 16 + 32 seconds with 10 % jitter: at most 69 s, in the trigger's only goroutine.
    retry={"steps": 6, "duration": "2s", "factor": 2, "jitter": 0.1},
    keeps_events=True,
)
CREATE = CreationMode(
    operation="create",
    verbs=("create",),
    # A redelivery finds its Workflow there and fails: nothing is gained by trying for long.
    retry={"steps": 2, "duration": "3s", "factor": 1, "jitter": 0.0},
    keeps_events=False,  # the product's bus has other consumers, and its version is not known
)


@dataclass(frozen=True, slots=True)
class Creation:
    """An object of which an event fills some places."""

    resource: Mapping[str, Any]
    """The object before parameters."""
    parameters: tuple[Parameter, ...]
    plural: str = "workflows"
    """The resource's name in the API, for the rights of the Sensors' account."""
    chosen: frozenset[str] = frozenset()
    """Namespaces of which a parameter names one for each event; empty = the resource's own."""

    @property
    def namespaces(self) -> frozenset[str]:
        """Namespaces in which the object may be created."""
        return self.chosen or frozenset({str(self.resource["metadata"]["namespace"])})

    def of(self, context: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, Any]:
        """The object that an event makes.

        Args:
            context: CloudEvents attributes `id` and `time` (RFC 3339, seconds, UTC).
            data: What the program made of the event, `{"hookline": {...}}`.
        """
        found = copy.deepcopy(dict(self.resource))
        for parameter in self.parameters:
            set_path(found, parameter.path, parameter.value.resolve(context, data))
        return found

    def trigger(self, dependency: str, mode: CreationMode) -> dict[str, Any]:
        """The `k8s` part of a trigger template, with values from a dependency."""
        strategy = {"patchStrategy": "application/merge-patch+json"} if mode.operation == "patch" else {}
        return {
            "operation": mode.operation,
            **strategy,
            "source": {"resource": self.resource},
            "parameters": [parameter.argo(dependency) for parameter in self.parameters],
        }

    def rule(self, mode: CreationMode) -> dict[str, Any]:
        """The RBAC rule that the Sensors' account needs in the namespace."""
        group = str(self.resource["apiVersion"]).rpartition("/")[0]
        return {"apiGroups": [group], "resources": [self.plural], "verbs": list(mode.verbs)}
