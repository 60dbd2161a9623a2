"""The model of `cluster.fan_out`: how the runs of one event start, where there are many."""

from typing import Annotated

from pydantic import Field

from documents.blocks import Block, Duration
from hookline.declaration.own_pods import PlacedPod

__all__ = ["DeclaredPace", "FanOutBlock"]

AtOnce = Annotated[int, Field(ge=1, le=10_000)]
Wait = Annotated[Duration, Field(ge=0, le=3_600)]


class DeclaredPace(Block):
    """How fast the runs of one repository or image start. What is left out is as under fan_out."""

    at_once: AtOnce | None = Field(default=None, description="Runs that start together.", examples=[50])
    every: Wait | None = Field(
        default=None, description="Time until the next ones; 0s = all start at once.", examples=["10s"]
    )
    quiet: Wait | None = Field(
        default=None, description="Time to wait for a newer event before the first ones.", examples=["2m"]
    )


class FanOutBlock(PlacedPod):
    """How the runs of one event start, where it starts several pipelines of a repository or image with more than three."""

    at_once: AtOnce = Field(default=20, description="Runs that start together.", examples=[20])
    every: Wait = Field(
        default=30,
        description="Time until the next ones start; 0s = all start at once. Default: 30s.",
        examples=["30s"],
    )
    quiet: Wait = Field(
        default=0,
        description="Time to wait for a newer event before the first ones start. A newer digest of the same tag takes the place of what has "
        "not started yet, with or without it. Default: 0s.",
        examples=["2m"],
    )
    only: dict[str, DeclaredPace] = Field(
        default={},
        description="Another pace for the runs of one image or repository, by its name as the events have it.",
        examples=[{"library/golang": {"at_once": 50, "every": "10s"}}],
    )
