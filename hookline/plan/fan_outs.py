"""Fan-outs of a declaration: what is said about them, as the decision has it."""

from hookline.declaration.fan_out import DeclaredPace, FanOutBlock
from hookline.declaration.loading import Declaration
from sensors.fan_out import FanOut, Pace

__all__ = ["fan_out", "settings_of"]


def settings_of(declaration: Declaration) -> FanOutBlock:
    """What is said about fan-outs, with the defaults."""
    return declaration.cluster.fan_out or FanOutBlock()


def fan_out(declaration: Declaration) -> FanOut | None:
    """The fan-outs of a declaration; None if it names no image for their pod."""
    cluster = declaration.cluster
    if cluster.image is None:
        return None
    said = settings_of(declaration)
    return FanOut(
        template=f"{cluster.name}-fan-out",
        namespace=cluster.namespace,
        pace=Pace(said.at_once, said.every, said.quiet),
        paces={name: _pace(said, own) for name, own in said.only.items()},
    )


def _pace(said: FanOutBlock, own: DeclaredPace) -> Pace:
    return Pace(
        said.at_once if own.at_once is None else own.at_once,
        said.every if own.every is None else own.every,
        said.quiet if own.quiet is None else own.quiet,
    )
