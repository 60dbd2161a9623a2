"""Closed requests: a duty that tells the controller which requests the bus says are closed, so that their runs are stopped."""

from collections.abc import Mapping
from typing import Final

from apiserver.raw_values import unix
from hookline.controlling.duties import Arrival
from hookline.plan.planning import Plan
from runs.controller.duty import Hands
from runs.superseding import Closure

__all__ = ["Closing"]

_CLOSED: Final = {"closed": True, "merged": True, "opened": False, "reopened": False}
"""Action of a request → whether it is closed after it. Other actions happen to open and to closed ones."""


class Closing:
    """A duty of the bus."""

    name = "cancel-closed"

    def __init__(self, plan: Plan, hands: Hands) -> None:
        """Begin with nothing seen."""
        self._plan, self._hands = plan, hands
        self._heard: list[Closure] = []

    def arrived(self, arrival: Arrival) -> None:
        """A message."""
        delivery, event = arrival.delivery, arrival.event
        # An event of a foreign event source has no request: no pipeline reads it.
        request = event.get("pull_request")
        if not isinstance(request, Mapping):
            return
        closed, number = _CLOSED.get(str(request.get("action"))), request.get("number")
        repository = str(event.get("repository") or "").lower()
        if (
            closed is None
            or not repository
            or isinstance(number, bool)
            or not isinstance(number, int | float)
        ):
            return
        # Workflows carry the same time, in whole seconds.
        when = unix(delivery.context.get("time"))
        when = float(int(arrival.message.time.timestamp() if when is None else when))
        pipelines = frozenset(
            name
            for name, each in self._plan.declaration.pipelines.items()
            if any(
                source == delivery.event_name and found.lower() == repository
                for source, found, _ in each.listened()
            )
        )
        self._heard.append(
            Closure(delivery.event_name, repository, int(number), when, closed=closed, pipelines=pipelines)
        )

    def looked(self, now: float) -> None:  # noqa: ARG002 - the duty needs no time
        """The round is over: whether a request was opened again after it was closed is known."""
        heard, self._heard = self._heard, []
        if heard:
            self._hands.close(heard)
