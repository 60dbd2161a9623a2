"""The model of `cluster.fan_out`: how the runs of one event start, where there are many."""

from typing import Annotated

from pydantic import Field

from documents.blocks import Block, Duration
from hookline.declaration.own_pods import PlacedPod

__all__ = ["DeclaredPace", "FanOutBlock"]

AtOnce = Annotated[int, Field(ge=1, le=10_000)]
Wait = Annotated[Duration, Field(ge=0, le=3_600)]


class DeclaredPace(Block):
    """Speed at which the runs of one event start."""

    at_once: AtOnce | None = Field(
        default=None, description="Runs that start together. Default: 20.", examples=[20]
    )
    every: Wait | None = Field(
        default=None,
        description="Time until the next ones start, at most 1h; 0s = all start at once. Default: 30s.",
        examples=["30s"],
    )
    quiet: Wait | None = Field(
        default=None,
        description="Time to wait for a newer event before the first ones start, at most 1h. With or without it, a newer digest of the same tag "
        "takes the place of what has not started yet. Default: 0s.",
        examples=["2m"],
    )


class FanOutBlock(PlacedPod, DeclaredPace):
    """The fan-outs of a cluster: how the runs of one event start, and the pod that starts them."""

    only: dict[str, DeclaredPace] = Field(
        default={},
        description="Another pace for the events of one image or repository, by its name as its pipelines say it. What is left out there is as "
        "above.",
        examples=[{"base/golang": {"at_once": 50, "every": "10s"}}],
    )
