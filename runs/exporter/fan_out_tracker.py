"""Fan-outs that are not counted yet, and which of them can be counted now."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runs.endings import Lost
from runs.exporter.ledger import Ledger
from runs.fan_outs import FanOut

__all__ = ["FanOutProgress", "FanOutTracker", "key_of"]


@dataclass(frozen=True, slots=True)
class FanOutProgress:
    """Results of one round of changes."""

    began: Sequence[FanOut]
    ended: Sequence[FanOut]
    lost: Sequence[Lost]
    """Those that were gone before their end was seen."""
    closed: Sequence[str]
    """Uids of fan-outs whose end was counted earlier."""


def key_of(ended: FanOut) -> str:
    """Key of this end: the same each time it is seen, and unique. `argo retry` opens a Workflow again."""
    return f"fan-out/{ended.uid}/{ended.finished or 0.0:.0f}"


class FanOutTracker:
    """Fan-outs that go on. Not safe for threads; times are Unix seconds."""

    def __init__(self, ledger: Ledger, namespaces: Iterable[str]) -> None:
        """Go on where the ledger ended.

        Args:
            ledger: Knows what was counted, and which had begun.
            namespaces: Those that are listed, each by itself.
        """
        self._ledger = ledger
        self._going: dict[str, FanOut] = {}
        self._unlisted = set(namespaces)
        self._missed = ledger.open_fan_outs()
        self._open = set(self._missed)
        """Uids of those whose end the ledger awaits."""
        self._began: list[FanOut] = []
        self._ended: list[FanOut] = []
        self._lost: list[Lost] = []
        self._closed: list[str] = []

    def changed(self, found: FanOut) -> None:
        """A fan-out as it is now."""
        self._missed.discard(found.uid)
        if found.finished is None:
            if found.uid not in self._going:
                self._began.append(found)
                self._open.add(found.uid)
            self._going[found.uid] = found
            return
        self._going.pop(found.uid, None)
        awaited = found.uid in self._open
        self._open.discard(found.uid)
        if not self._ledger.counted(key_of(found), found.finished):
            self._ended.append(found)
        elif awaited:
            self._closed.append(found.uid)

    def gone(self, uid: str, now: float) -> None:
        """A Workflow is no longer there; its last state was given before, if it was seen."""
        self._open.discard(uid)
        if self._going.pop(uid, None) is not None:
            # It never ended, so nobody knows how it would have.
            self._lost.append(Lost("fan_out", uid, now))

    def listed(self, namespace: str, now: float) -> None:
        """All Workflows of a namespace were given. A ledger does not say where a fan-out was, so missed ones are lost with the last namespace."""
        self._unlisted.discard(namespace)
        if not self._unlisted:
            self._lost += [Lost("fan_out", uid, now) for uid in sorted(self._missed)]
            self._open -= self._missed
            self._missed.clear()

    def progress(self) -> FanOutProgress:
        """News since the last call, to be counted now."""
        found = FanOutProgress(self._began, self._ended, self._lost, self._closed)
        self._began, self._ended, self._lost, self._closed = [], [], [], []
        return found

    def unfinished(self) -> Iterator[FanOut]:
        """Those that go on."""
        return iter(self._going.values())
