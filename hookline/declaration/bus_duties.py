"""Models of the controller's duties that need the bus."""

from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag

from documents.blocks import Block, Duration

__all__ = ["Reconcile", "ReconcileOrSwitch"]

SENSOR_SECONDS = 69
"""How long a Sensor tries to create a Workflow (sensors/manifests.py)."""


def _check_grace(value: int) -> int:
    if value <= SENSOR_SECONDS:
        raise ValueError(
            f"expected more than {SENSOR_SECONDS}s, for which a Sensor itself tries to create a Workflow, such as 2m"
        )
    return value


def _check_since(value: int) -> int:
    if not 300 <= value <= 7 * 86_400:
        raise ValueError("expected 5m to 7d, such as 50m")
    return value


class Reconcile(Block):
    """How lost runs are brought back."""

    since: Annotated[Duration, AfterValidator(_check_since)] | None = Field(
        default=None,
        description="How far back events are looked at in each round. Default: 50m. Above 1h the cluster has forgotten which deleted runs had "
        "ended.",
        examples=["50m"],
    )
    grace: Annotated[Duration, AfterValidator(_check_grace)] | None = Field(
        default=None,
        description="Time that the Sensor has to create the Workflow of an event by itself. Default: 2m.",
        examples=["2m"],
    )
    skip_superseded: bool = Field(
        default=False,
        description="Leave out the lost run of a push or request if a newer commit of the branch or request has its run.",
        examples=[True],
    )

    @property
    def since_seconds(self) -> int:
        """How far back events are looked at."""
        return self.since or 50 * 60

    @property
    def grace_seconds(self) -> int:
        """Time that the Sensor has."""
        return self.grace or 120


ReconcileOrSwitch = Annotated[
    Annotated[Reconcile, Tag("settings")] | Annotated[bool, Tag("switch")],
    Discriminator(lambda value: "switch" if isinstance(value, bool) else "settings"),
]
"""true: with its defaults."""
