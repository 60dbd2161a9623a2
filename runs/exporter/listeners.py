"""Listeners of a running exporter, and the threads that deliver their messages: one a listener, so that none waits for another."""

import time
from collections.abc import Mapping, Sequence

from runs.exporter.configuration import Configuration
from runs.exporter.ledger import Ledger
from runs.outbox import Delivery

__all__ = ["Listeners"]


class Listeners:
    """Every listener that the configuration names."""

    def __init__(self, configuration: Configuration, ledger: Ledger) -> None:
        """Make the listeners, and begin to deliver what the ledger still holds for them."""
        settings = configuration.listeners()
        self._outboxes = {name: ledger.outbox(name) for name in settings}
        self.listeners = [each.listener(self._outboxes[name]) for name, each in settings.items()]
        """They are told in the transaction that counts."""
        self._deliveries = {
            name: Delivery(self._outboxes[name], post, name)
            for name, each in settings.items()
            if (post := each.post()) is not None
        }

    def wake(self) -> None:
        """Something was counted."""
        for each in self._deliveries.values():
            each.wake()

    def close(self, seconds: float) -> None:
        """Deliver waiting messages for at most this long; the rest waits for the next start."""
        end = time.monotonic() + seconds
        for each in self._deliveries.values():
            each.close(max(0.0, end - time.monotonic()))

    def results(self, untold: Sequence[int]) -> Mapping[tuple[str, ...], float]:
        """Listener and result (sent, dropped) → messages since the start.

        Args:
            untold: Facts that each of the listeners could not be told.
        """
        lost = dict(zip(self._outboxes, untold, strict=True))
        return {
            key: count
            for name, each in self._deliveries.items()
            for key, count in (
                ((name, "sent"), each.sent),
                ((name, "dropped"), each.refused + self._outboxes[name].dropped + lost[name]),
            )
        }

    def waiting(self) -> Mapping[tuple[str, ...], float]:
        """Listener → messages that are not delivered yet."""
        return {(name,): self._outboxes[name].waiting() for name in self._deliveries}
