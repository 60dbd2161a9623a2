"""The outbox: messages that are written together with a fact, delivered later, and deleted after they arrived.

At least once: a process that is killed after a message arrived, and before it was deleted, delivers it again with the same id.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

__all__ = ["Delivery", "Message", "Outbox", "Waiting"]

IDLE_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
RETRIED = frozenset({408, 425, 429})
"""Answers of 4xx that say: later."""
Post = Callable[[str, bytes], int]
"""Content type and body → HTTP status; raises OSError where nobody answers."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """A message that waits for delivery."""

    number: int
    id: str
    """The same whenever it is delivered: a receiver can drop doubles by it."""
    content_type: str
    body: bytes


class Outbox(Protocol):
    """The place where a listener puts messages, in the transaction in which it receives a fact."""

    def put(self, identity: str, content_type: str, body: bytes) -> None:
        """Add a message; a second message with the same id is ignored."""


class Waiting(Protocol):
    """The waiting messages, for the thread that delivers them. Safe for threads."""

    def first(self) -> Message | None:
        """The oldest of the messages with the fewest attempts; None if no message waits."""

    def delivered(self, number: int) -> None:
        """Delete a message that was delivered."""

    def failed(self, number: int) -> None:
        """This one was tried once more; others come first."""


class Delivery:
    """Delivers messages in a thread of its own until close(). Nobody waits for it."""

    def __init__(self, waiting: Waiting, post: Post, listener: str) -> None:
        """Begin to deliver.

        Args:
            waiting: The messages.
            post: Sends one of them.
            listener: Whose messages these are, for the log.
        """
        self._waiting, self._post, self._listener = waiting, post, listener
        self._stop, self._wake = threading.Event(), threading.Event()
        self._problem = ""
        self.sent = 0
        """Messages that the receiver took, since the start."""
        self.refused = 0
        """Messages that it refused for good, since the start."""
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._wake.set()

    def close(self, seconds: float) -> None:
        """Deliver waiting messages, for at most this long or until the receiver fails; the rest waits for the next start."""
        end = time.monotonic() + seconds
        self._wake.set()
        while not self._problem and self._waiting.first() is not None and time.monotonic() < end:
            self._stop.wait(0.02)
        self._stop.set()
        self._wake.set()
        self._thread.join(max(0.1, end - time.monotonic()))

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            try:
                if (message := self._waiting.first()) is None:
                    self._wake.wait(IDLE_SECONDS)
                    self._wake.clear()
                    continue
                delivered = self._deliver(message)
            except Exception as error:  # noqa: BLE001 - a full disk today may be mended tomorrow
                self._tell(f"the outbox cannot be read or written: {error}")
                delivered = False
            if delivered:
                pause = FIRST_PAUSE_SECONDS
            else:
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _deliver(self, message: Message) -> bool:
        try:
            status = self._post(message.content_type, message.body)
        except OSError as error:
            self._tell(f"nobody answers: {error}")
            self._waiting.failed(message.number)
            return False
        if 200 <= status < 300:
            self._waiting.delivered(message.number)
            self.sent += 1
            self._tell("")
            return True
        if 400 <= status < 500 and status not in RETRIED:
            self._waiting.delivered(message.number)
            self.refused += 1
            self._tell(f"the receiver refuses messages for good: {status}")
            return True
        self._tell(f"the receiver answers {status}")
        self._waiting.failed(message.number)
        return False

    def _tell(self, problem: str) -> None:
        """Log a problem once, and its end."""
        if problem and problem != self._problem:
            _log.warning("messages are not delivered", listener=self._listener, problem=problem)
        elif self._problem and not problem:
            _log.info("messages are delivered again", listener=self._listener)
        self._problem = problem
