"""Models of the parts of hookline.yaml that are about runs: the `run:` block."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from documents.arguments import Arguments, LiteralText
from documents.blocks import Block, Duration, Name
from documents.scalars import check_metadata_key, check_pod_label, matching
from triggers.step_resources import StepResources
from triggers.words import ACS_SPOT_LABEL, SPOT_ANNOTATION_PREFIX, SpotStrategy

__all__ = ["Retry", "Run", "Spot"]

_KEPT = re.compile(r"(?:[^/]*\.)?(?:argoproj\.io|hookline\.dev)/(?!kill-cmd-)")
"""Keys by which Argo and hookline tell pods apart; kill-cmd-<container> of Argo is the one that is for users."""


def _metadata_key(key: str) -> str:
    if _KEPT.match(check_metadata_key(key)):
        raise ValueError(
            f"{key} is set by Argo or hookline, and another value would hide a pod or count it elsewhere; choose another key"
        )
    return key


MetadataKey = Annotated[str, AfterValidator(_metadata_key)]


PodLabel = Annotated[str, AfterValidator(check_pod_label)]


_SWITCHED = Discriminator(lambda value: "off" if value is False else "on")
"""A setting whose default false removes."""


class Spot(Block):
    """Spot capacity for the pods of a run (Alibaba Cloud ECI annotations; on ACS one label)."""

    strategy: SpotStrategy = Field(
        default="SpotAsPriceGo",
        description="How ECI bids: SpotAsPriceGo at the market price, SpotWithPriceLimit up to price_limit.",
        examples=["SpotAsPriceGo"],
    )
    price_limit: (
        Annotated[
            str,
            AfterValidator(
                matching(
                    r"[0-9]{1,6}(\.[0-9]{1,3})?",
                    'expected a price per hour with at most 3 decimals, such as "0.35"',
                )
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="Highest price per hour, with at most 3 decimals. Only with SpotWithPriceLimit.",
        examples=["0.35"],
    )
    fallback: bool = Field(
        default=True, description="Use on-demand capacity if there is no spot capacity.", examples=[True]
    )
    protection: Annotated[int, Field(ge=0, le=6)] = Field(
        default=1,
        description="Hours during which the instance is not reclaimed; 0 means none. A step of ci-go-v1 ends within 20 minutes.",
        examples=[1],
    )

    @model_validator(mode="after")
    def _price_belongs_to_its_strategy(self) -> "Spot":
        if self.strategy == "SpotWithPriceLimit" and self.price_limit is None:
            raise ValueError('price_limit: SpotWithPriceLimit needs a price per hour, such as "0.35"')
        if self.strategy == "SpotAsPriceGo" and self.price_limit is not None:
            raise ValueError("price_limit: only SpotWithPriceLimit has one; ECI would refuse the pod")
        return self


class Retry(Block):
    """Another attempt after the infrastructure lost a pod: a reclaimed spot pod, a deleted pod. Never after a failed test."""

    limit: Annotated[int, Field(ge=1, le=10)] = Field(
        default=2, description="Highest number of further attempts of a step.", examples=[2]
    )


class Run(Block):
    """The settings of a pipeline's Workflow."""

    template: Name | None = Field(
        default=None, description="Workflow template to run. Default: ci-go-v1.", examples=["ci-go-v1"]
    )
    parameters: Arguments | None = Field(
        default=None,
        description="Arguments of the template that hookline does not set. Switches are true or false.",
        examples=[{"enable_test": True, "dockerfile": "./build/Dockerfile"}],
    )
    pods: Literal["one", "three"] | None = Field(
        default=None,
        description="Whether the steps are containers of one pod, which starts sooner, or each has a pod. The template must be able to do it, as "
        "hookline-ci-go is: hookline docs template#one-pod. Default: three.",
        examples=["one"],
    )
    compute: Literal["eci", "acs", "node"] | None = Field(
        default=None,
        description="Where pods run: eci (elastic container instances), acs, or node (the cluster's own nodes). "
        "Default: eci if spot is set, otherwise node.",
        examples=["eci"],
    )
    spot: Annotated[Annotated[Spot, Tag("on")] | Annotated[Literal[False], Tag("off")], _SWITCHED] | None = (
        Field(
            default=None,
            description="Use spot capacity; false removes a default.",
            examples=[{"strategy": "SpotAsPriceGo"}],
        )
    )
    resources: dict[str, StepResources] | None = Field(
        default=None,
        description="CPU and memory of steps, by the step's name. The template must take them: hookline docs capacity.",
        examples=[{"run-test": {"cpu": 4, "memory": "8Gi"}}],
    )
    retry: (
        Annotated[Annotated[Retry, Tag("on")] | Annotated[Literal[False], Tag("off")], _SWITCHED] | None
    ) = Field(
        default=None,
        description="Retry steps whose pod the infrastructure lost; false removes a default. Refused for templates with inline tasks, such as "
        "stock ci-go-v1, because Argo would fail every run, and for templates whose steps all retry by themselves, such as hookline-ci-go.",
        examples=[{"limit": 2}],
    )
    mutex: Annotated[Annotated[Name, Tag("on")] | Annotated[Literal[False], Tag("off")], _SWITCHED] | None = (
        Field(
            default=None,
            description="Name of a lock: runs with the same mutex wait for each other. Default: one per checkout directory; none if the "
            "template says that runs of one repository may overlap. false is refused if runs share a checkout.",
            examples=["shop"],
        )
    )
    limit: Annotated[Annotated[Name, Tag("on")] | Annotated[Literal[False], Tag("off")], _SWITCHED] | None = (
        Field(
            default=None,
            description="Name of a limit under limits: at most so many runs that name it are under way at once, and others wait; false "
            "removes a default.",
            examples=["nightly"],
        )
    )
    ttl: Duration | None = Field(
        default=None, description="Delete a finished Workflow after this time. Default: 1d.", examples=["1d"]
    )
    keep_pods: Duration | None = Field(
        default=None,
        description="Delete the pods of a finished Workflow after this time. Their logs can be read until then. Default: 10m.",
        examples=["10m"],
    )
    deadline: Duration | None = Field(
        default=None, description="Stop a run that takes longer than this. Default: 2h.", examples=["2h"]
    )
    service_account: Name | None = Field(
        default=None,
        description="ServiceAccount of the run's pods, whose token every container then holds, those that run code, too; it needs the right "
        "to create and patch workflowtaskresults. Default: one made by hookline that may do nothing and has no token in the pods. It does "
        "not reach pipelines with forks: sandboxed.",
        examples=["ci-runner"],
    )
    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = Field(
        default=None,
        description="Priority in Argo Workflows, where runs wait: for a limit, a mutex or the controller's parallelism. Those with a higher "
        "number start earlier, and of one number the older ones. Default: 0.",
        examples=[10],
    )
    pod_labels: dict[MetadataKey, PodLabel] | None = Field(
        default=None, description="Further labels of every pod.", examples=[{"team": "shop"}]
    )
    pod_annotations: dict[MetadataKey, LiteralText] | None = Field(
        default=None,
        description="Further annotations of every pod.",
        examples=[{"k8s.aliyun.com/eci-use-specs": "2-4Gi,4-8Gi"}],
    )

    @property
    def effective_compute(self) -> Literal["eci", "acs", "node"]:
        """Where pods run, said or not."""
        return self.compute or ("eci" if isinstance(self.spot, Spot) else "node")

    @model_validator(mode="after")
    def _spot_is_said_once(self) -> "Run":
        for key in self.pod_annotations or {}:
            if key.startswith(SPOT_ANNOTATION_PREFIX):
                raise ValueError(f"pod_annotations: {key} is set by spot:; use that")
        if ACS_SPOT_LABEL in (self.pod_labels or {}):
            raise ValueError(f"pod_labels: {ACS_SPOT_LABEL} is set by spot:; use that with compute: acs")
        return self
