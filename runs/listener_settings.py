"""Settings of a listener: a key of the exporter's configuration that, if it is given, makes one listener."""

from abc import ABC, abstractmethod

from documents.blocks import Block
from runs.facts import Listener
from runs.outbox import Outbox, Post

__all__ = ["ListenerSettings"]


class ListenerSettings(Block, ABC):
    """A mapping under a key of exporter.yaml. The key names the listener in the ledger, the log and the metrics."""

    @abstractmethod
    def listener(self, outbox: Outbox) -> Listener:
        """The listener.

        Args:
            outbox: Takes the messages that it must deliver; no other listener shares it.
        """

    @abstractmethod
    def post(self) -> Post | None:
        """Sends one message of the outbox; None if the listener puts nothing there."""
