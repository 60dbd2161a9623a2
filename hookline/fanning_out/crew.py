"""Several requests at a time, and waiting for their answers; a signal ends every wait at once."""

import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["Crew", "Stopped"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")
LOOK_SECONDS = 0.1
"""Whoever waits for an answer looks after so many seconds whether it has to stop."""


class Stopped(Exception):
    """The process was asked to end."""


class Crew:
    """Threads that send requests, for one caller.

    They end with the process, also in the middle of a request: every request can be repeated.
    """

    def __init__(self, size: int, stop: threading.Event) -> None:
        """Begin with no thread; so many at most."""
        self._size = size
        self._stop = stop
        self._jobs: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()
        self._threads = 0

    def one(self, work: Callable[[], Answer]) -> Answer:
        """The answer to one question.

        Raises:
            Stopped: Before there is one.
            Exception: What the work raises.
        """
        self._begin(work)
        found: Answer = self._answer()
        return found

    def each(
        self, items: Iterable[Item], work: Callable[[Item], Answer], may_begin: Callable[[Item], bool]
    ) -> Iterator[Answer]:
        """The answers for items, as they come. The caller handles each answer before the next item is begun.

        Args:
            items: In the order in which they are begun.
            work: Asks for one of them, in a thread.
            may_begin: Whether an item may be begun now. If not, it is asked again after the next answer; without a request under way, the
                iteration ends.

        Raises:
            Stopped, Exception: As one().
        """
        waiting, under_way = iter(items), 0
        held = list(itertools.islice(waiting, 1))
        while True:
            while held and under_way < self._size and may_begin(held[0]):
                self._begin(lambda item=held[0]: work(item))  # type: ignore[misc]  # mypy cannot infer the default
                under_way += 1
                held = list(itertools.islice(waiting, 1))
            if not under_way:
                return
            found: Answer = self._answer()
            under_way -= 1
            yield found

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: At once, when somebody asks for it.
        """
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped

    def _begin(self, work: Callable[[], Any]) -> None:
        self._jobs.put(work)
        if self._threads < self._size:
            self._threads += 1
            threading.Thread(target=self._serve, daemon=True).start()

    def _answer(self) -> Any:
        while not self._stop.is_set():
            try:
                found, error = self._answers.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            return found
        raise Stopped

    def _serve(self) -> None:
        while True:
            work = self._jobs.get()
            try:
                self._answers.put((work(), None))
            except Exception as error:  # noqa: BLE001 - whoever waits for the answer raises it
                self._answers.put((None, error))
