"""Fan-outs of a declaration: what is said about them, as the decision has it."""

from hookline.declaration.fan_out import DeclaredPace, FanOutBlock
from hookline.declaration.loading import Declaration
from sensors.fan_out import FanOut, Pace

__all__ = ["fan_out", "settings_of"]

PACE = Pace(at_once=20, every=30, quiet=0)
"""Where nothing is said: 300 builds at once starve everybody who shares nodes, registry and volume with them."""


def settings_of(declaration: Declaration) -> FanOutBlock:
    """The block cluster.fan_out; empty where it is left out."""
    return declaration.cluster.fan_out or FanOutBlock()


def fan_out(declaration: Declaration) -> FanOut | None:
    """The fan-outs of a declaration; None if it names no image for their pod."""
    cluster = declaration.cluster
    if cluster.image is None:
        return None
    said = settings_of(declaration)
    pace = _over(PACE, said)
    return FanOut(
        template=f"{cluster.name}-fan-out",
        namespace=cluster.namespace,
        pace=pace,
        paces={name: _over(pace, own) for name, own in said.only.items()},
    )


def _over(pace: Pace, said: DeclaredPace) -> Pace:
    return Pace(
        pace.at_once if said.at_once is None else said.at_once,
        pace.every if said.every is None else said.every,
        pace.quiet if said.quiet is None else said.quiet,
    )
