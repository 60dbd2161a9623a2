"""The outbox as a table of the ledger: a listener's message is written in the transaction that counts the fact."""

import sqlite3
import threading
from collections.abc import Callable

import structlog

from runs.outbox import Message

__all__ = ["MAX_WAITING", "LedgerOutbox"]

MAX_WAITING = 10_000
"""So many messages of a listener wait at most. Beyond it the oldest are kept and new ones are dropped, and counted."""
_log = structlog.get_logger()


class LedgerOutbox:
    """A `runs.outbox.Outbox` for listeners, and a `runs.outbox.Waiting` for the one who delivers."""

    def __init__(
        self, database: sqlite3.Connection, lock: threading.RLock, begin: Callable[[], None], listener: str
    ) -> None:
        """Use the ledger's table.

        Args:
            database: The ledger's connection.
            lock: Held by whoever uses the connection.
            begin: Begins a transaction of the ledger.
            listener: Whose messages these are.
        """
        self._database, self._lock, self._begin, self._listener = database, lock, begin, listener
        self.dropped = 0
        """Messages for which there was no room, since the start."""

    def put(self, identity: str, content_type: str, body: bytes) -> None:
        """Owe a message; only within a transaction of the ledger."""
        if not self._database.in_transaction:
            raise RuntimeError("a message is owed only together with the fact that it tells")
        if self.waiting() >= MAX_WAITING:
            if not self.dropped:
                _log.error(
                    "the outbox is full: new messages are dropped",
                    listener=self._listener,
                    waiting=MAX_WAITING,
                )
            self.dropped += 1
            return
        self._database.execute(
            "INSERT OR IGNORE INTO outbox (listener, id, content_type, body) VALUES (?, ?, ?, ?)",
            (self._listener, identity, content_type, body),
        )

    def waiting(self) -> int:
        """Number of messages that wait for delivery."""
        with self._lock:
            found: int = self._database.execute(
                "SELECT count(*) FROM outbox WHERE listener = ?", (self._listener,)
            ).fetchone()[0]
        return found

    def first(self) -> Message | None:
        """The oldest of those that were tried least."""
        with self._lock:
            row = self._database.execute(
                "SELECT number, id, content_type, body FROM outbox WHERE listener = ? ORDER BY tries, number LIMIT 1",
                (self._listener,),
            ).fetchone()
        return None if row is None else Message(*row)

    def delivered(self, number: int) -> None:
        """Delete a message."""
        self._write("DELETE FROM outbox WHERE number = ?", number)

    def failed(self, number: int) -> None:
        """Put a message behind those that were tried less."""
        self._write("UPDATE outbox SET tries = tries + 1 WHERE number = ?", number)

    def _write(self, statement: str, number: int) -> None:
        with self._lock:
            self._begin()
            try:
                self._database.execute(statement, (number,))
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
