"""Settings of a declaration for which the controller reads the bus."""

from collections.abc import Iterator

from hookline.declaration.loading import Declaration

__all__ = ["bus_needs", "report_skipped_at"]


def bus_needs(declaration: Declaration) -> Iterator[tuple[str, ...]]:
    """The path of each setting that needs the bus, and with it the declaration in the controller's pod; none if it needs neither."""
    declared = declaration.controller
    if declared is None:
        return
    if declared.controller.reconciling is not None:
        yield "controller", "reconcile"
    if declared.controller.heal_bus:
        yield "controller", "heal_bus"
    if (skipped := report_skipped_at(declaration)) is not None:
        yield skipped
    if declared.controller.cancel_closed:
        yield "controller", "cancel_closed"
    if declared.controller.comments:
        yield "controller", "comments"


def report_skipped_at(declaration: Declaration) -> tuple[str, ...] | None:
    """The path of what lets the controller tell of requests that start nothing; None if it tells of none."""
    declared = declaration.controller
    if declared is None:
        return None
    if declared.controller.report_skipped is not False:
        return "controller", "report_skipped"
    # The pipeline may stand in another file than the controller.
    return (
        ("controller",)
        if any(each.pipeline.report_skipped for each in declaration.pipelines.values())
        else None
    )
