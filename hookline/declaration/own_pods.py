"""Models of the pods of hookline's own image: what a cluster decides about them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from documents.blocks import Block, Cpu, Memory
from documents.scalars import (
    check_metadata_key,
    check_namespace,
    check_object_name,
    check_pod_label,
    fullmatch,
)

__all__ = ["ImageReference", "Labels", "Namespaces", "ObjectReference", "OwnPod", "PlacedPod"]

MetadataKey = Annotated[str, AfterValidator(check_metadata_key)]
Labels = dict[MetadataKey, Annotated[str, AfterValidator(check_pod_label)]]
Namespaces = Annotated[list[Annotated[str, AfterValidator(check_namespace)]], Field(min_length=1)]
ObjectReference = Annotated[str, AfterValidator(check_object_name)]

_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?"
_PATH = r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
_REFERENCE = rf"(?:{_HOST}/)?{_PATH}(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"


def check_reference(value: str) -> str:
    """The reference of an image that a pod runs, with tag or digest."""
    message = "expected an image, such as registry.example.com/hookline@sha256:<64 hex digits>"
    if len(value) > 511:
        raise ValueError(message)
    return fullmatch(_REFERENCE, value, message)


ImageReference = Annotated[str, AfterValidator(check_reference)]


class Amounts(Block):
    """CPU and memory of a pod."""

    cpu: Cpu | None = Field(default=None, description="CPUs: 1, 0.5 or 500m.", examples=["500m"])
    memory: Memory | None = Field(default=None, description="Memory, such as 512Mi.", examples=["512Mi"])

    @property
    def said(self) -> dict[str, str]:
        """The amounts that are given."""
        return {key: value for key, value in (("cpu", self.cpu), ("memory", self.memory)) if value}


class PodResources(Block):
    """Resources of a pod, as Kubernetes has them."""

    requests: Amounts | None = Field(
        default=None,
        description="Amounts that the pod requests. What is left out is hookline's default.",
        examples=[{"memory": "512Mi"}],
    )
    limits: Amounts | None = Field(
        default=None,
        description="Amounts that the pod may use at most. What is left out is hookline's default.",
        examples=[{"memory": "1Gi"}],
    )


class Toleration(Block):
    """A taint of nodes on which the pod may run all the same."""

    key: MetadataKey | None = Field(
        default=None,
        description="Key of the taint. Default: every key, with operator Exists.",
        examples=["dedicated"],
    )
    operator: Literal["Equal", "Exists"] = Field(
        default="Equal",
        description="Equal: the taint has this value. Exists: any value.",
        examples=["Exists"],
    )
    value: Annotated[str, AfterValidator(check_pod_label)] | None = Field(
        default=None, description="Value of the taint, with operator Equal.", examples=["ci"]
    )
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint. Default: every effect.", examples=["NoSchedule"]
    )

    @model_validator(mode="after")
    def _as_kubernetes_takes_it(self) -> "Toleration":
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("value: operator Exists takes every value; leave value: out")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("expected key:, or operator: Exists for every taint")
        return self


class PlacedPod(Block):
    """Decisions of a cluster about a pod of hookline's own image: how large it is, and on which nodes it runs."""

    resources: PodResources | None = Field(
        default=None,
        description="CPU and memory of the pod. Default: what was measured (hookline docs performance).",
        examples=[{"requests": {"memory": "512Mi"}, "limits": {"memory": "1Gi"}}],
    )
    node_selector: Labels = Field(
        default={}, description="Labels of the nodes on which the pod may run.", examples=[{"pool": "ci"}]
    )
    tolerations: list[Toleration] = Field(
        default=[],
        description="Taints of nodes on which the pod may run all the same.",
        examples=[[{"key": "dedicated", "value": "ci", "effect": "NoSchedule"}]],
    )

    def amounts(
        self, requests: dict[str, str], limits: dict[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Requests and limits: those that are said, over the defaults."""
        said = self.resources or PodResources.model_construct()
        own = [{} if each is None else each.said for each in (said.requests, said.limits)]
        return requests | own[0], limits | own[1]


class OwnPod(PlacedPod):
    """The same of a pod that serves."""

    network_policy: bool = Field(
        default=True,
        description="Whether a NetworkPolicy opens the pod's port, and nothing else of it.",
        examples=[True],
    )
    clients: Namespaces | None = Field(
        default=None,
        description="Namespaces whose pods may reach the port, such as that of Prometheus. Default: everybody.",
        examples=[["monitoring"]],
    )
