"""The companions of the controller's reports that a declaration asks for."""

from collections.abc import Sequence

from hookline.controlling.closing import Closing
from hookline.controlling.comments import CommentDuty, Comments
from hookline.controlling.duties import MakeDuty
from hookline.controlling.follower import Connect, Follower
from hookline.controlling.healing import Healing
from hookline.controlling.reconciling import Reconciling
from hookline.controlling.retiring import Retiring
from hookline.controlling.skipping import Skipping
from hookline.declaration.bus_needs import report_skipped_at
from hookline.plan.planning import Plan
from runs.controller.duty import Companion

__all__ = ["companions"]


def companions(plan: Plan, connect: Connect) -> Sequence[Companion]:
    """The companions of a declaration.

    Args:
        plan: Of the declaration.
        connect: Opens its bus.
    """
    found: list[Companion] = []
    declared = plan.declaration.controller
    if declared is not None and (settings := declared.controller.reconciling) is not None:
        found.append(Reconciling(plan, connect, settings))
    if declared is not None and declared.controller.heal_bus:
        found.append(Healing(plan))
    if declared is not None and declared.controller.retire_contexts:
        found.append(Retiring(plan))
    makers = _makers(plan)
    if declared is not None and declared.controller.comments:
        comments, sources = Comments(plan), frozenset(declared.controller.comments)
        found.append(comments)
        makers.append(lambda plan, _hands: CommentDuty(plan, comments, sources))
    if makers:
        found.append(Follower(plan, connect, makers))
    return found


def _makers(plan: Plan) -> list[MakeDuty]:
    """The duties that are told of each message of the bus."""
    found: list[MakeDuty] = []
    if report_skipped_at(plan.declaration) is not None:
        found.append(Skipping)
    if plan.declaration.controller is not None and plan.declaration.controller.controller.cancel_closed:
        found.append(Closing)
    return found
