"""Resources of a step: the models of `run: {resources: …}`, and the arguments that bring them into a template."""

import json
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from documents.blocks import Block, Cpu, Memory, OneOrMore
from documents.quantities import amount
from triggers.template import StepSize

__all__ = ["StepResources", "exceeded", "resource_arguments", "too_small"]

_INSTANCE = re.compile(
    r"(?P<cpu>[0-9]{1,4}(?:\.[0-9]{1,3})?)-(?P<memory>[0-9]{1,5}(?:\.[0-9]{1,3})?Gi)|ecs(?:\.[a-z0-9-]{1,40}){2}"
)


def _instance_type(value: str) -> str:
    match = _INSTANCE.fullmatch(value)
    if match is None or (match["cpu"] and not (amount(match["cpu"]) and amount(match["memory"]))):
        raise ValueError("expected vCPUs and memory, such as 4-8Gi, or an ECS type, such as ecs.c6.xlarge")
    return value


InstanceTypes = Annotated[
    list[Annotated[str, AfterValidator(_instance_type)]], Field(min_length=1, max_length=5), OneOrMore
]


class ResourceLimits(Block):
    """The most that a step may use."""

    cpu: Cpu | None = Field(
        default=None,
        description="CPUs beyond which the step is slowed down. Default: what the template says.",
        examples=[4],
    )
    memory: Memory | None = Field(
        default=None,
        description="Memory beyond which the step is ended. Default: memory, if that is given.",
        examples=["8Gi"],
    )


class StepResources(Block):
    """CPU and memory of one step. What is left out stays as the template says."""

    cpu: Cpu | None = Field(
        default=None,
        description="CPUs that the step requests: 4, 0.5 or 500m. It may use more where the node has more, up to limits.cpu.",
        examples=[4],
    )
    memory: Memory | None = Field(
        default=None,
        description="Memory that the step requests, such as 8Gi, and the most that it may use, unless limits.memory says more.",
        examples=["8Gi"],
    )
    limits: ResourceLimits | None = Field(
        default=None, description="The most that the step may use.", examples=[{"memory": "12Gi"}]
    )
    instance_types: InstanceTypes | None = Field(
        default=None,
        description="ECI instances for the step, in the order in which they are tried, at most 5: vCPUs and memory, such as 4-8Gi, or an ECS "
        "type. Needs compute: eci. They stand in place of eci-use-specs under pod_annotations.",
        examples=[["4-8Gi", "ecs.c6.xlarge"]],
    )

    @model_validator(mode="after")
    def _says_something(self) -> "StepResources":
        if self == StepResources.model_construct() or self.limits == ResourceLimits.model_construct():
            raise ValueError("nothing is said here; expected cpu:, memory:, limits: {…} or instance_types:")
        return self

    @property
    def requests(self) -> dict[str, str]:
        """Requests that are said here."""
        return {key: value for key, value in (("cpu", self.cpu), ("memory", self.memory)) if value}

    @property
    def most(self) -> dict[str, str]:
        """Limits that are said here. A request of memory is its limit too, so that no pod is ended for what another one took."""
        said = self.limits or ResourceLimits.model_construct()
        limits = {"cpu": said.cpu, "memory": said.memory or self.memory}
        return {key: value for key, value in limits.items() if value}


def resource_arguments(
    resources: Mapping[str, StepResources], sizes: Mapping[str, StepSize]
) -> dict[str, str]:
    """Arguments of a template that give its steps these resources.

    Args:
        resources: By step.
        sizes: What the template's steps take; the checks have refused other steps.

    Returns:
        Parameter → JSON of a container's `resources`, or instance types with commas between them.
    """
    found: dict[str, str] = {}
    for step, wanted in resources.items():
        said = {"requests": wanted.requests, "limits": wanted.most}
        if any(said.values()):
            kept = {key: value for key, value in said.items() if value}
            found[sizes[step].resources] = json.dumps(kept, separators=(",", ":"), sort_keys=True)
        if wanted.instance_types:
            found[sizes[step].instance_types] = ",".join(wanted.instance_types)
    return found


def exceeded(wanted: StepResources, size: StepSize) -> tuple[str, str, str] | None:
    """The resource, request and limit of a step whose request would be above its limit; None if there is none such."""
    requests, limits = {**size.requests, **wanted.requests}, {**size.limits, **wanted.most}
    for key in ("cpu", "memory"):
        if key in requests and key in limits and amount(requests[key]) > amount(limits[key]) > 0:
            return key, requests[key], limits[key]
    return None


def too_small(wanted: StepResources, size: StepSize) -> tuple[str, str] | None:
    """The first instance type that holds less than the step requests, with what it requests; None if there is none such."""
    requests = {**size.requests, **wanted.requests}
    for each in wanted.instance_types or ():
        match = _INSTANCE.fullmatch(each)
        if match is None or not match["cpu"]:
            continue
        for key, request in requests.items():
            if key in {"cpu", "memory"} and amount(match[key]) < amount(request):
                return each, f"{request} of {key}"
    return None
