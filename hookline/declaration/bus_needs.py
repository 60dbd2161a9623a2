"""Settings of a declaration for which the controller reads the bus."""

from collections.abc import Iterator

from hookline.declaration.loading import Declaration

__all__ = ["bus_needs"]


def bus_needs(declaration: Declaration) -> Iterator[tuple[str, ...]]:
    """The path of each setting that needs the bus, and with it the declaration in the controller's pod; none if it needs neither."""
    declared = declaration.controller
    if declared is None:
        return
    if declared.controller.reconciling is not None:
        yield "controller", "reconcile"
    if declared.controller.heal_bus:
        yield "controller", "heal_bus"
    if declared.controller.comments:
        yield "controller", "comments"
