"""Statuses on their way to one source's host: a few threads send them, each commit and context in order, and nobody waits for them."""

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from runs.reports.host_api import Answer, Delivered, HostApi, Later, Refused
from runs.reports.pace import Pace
from runs.reports.status import Report, Status

__all__ = ["Outgoing", "Results", "Send"]

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
GIVE_UP_SECONDS = 24 * 3600.0
"""A status that could not be told for a day is not told any more: nobody waits for it, and it is counted."""
REMEMBERED = 20_000
"""Commits and contexts of which is remembered that a run gives them a status."""
_log = structlog.get_logger()


Send = Callable[[Report], Answer]
"""Sends one; raises OSError where nobody answers."""


@dataclass(slots=True)
class _Entry:
    report: Report
    since: float
    due: float
    tries: int = 0


@dataclass(slots=True)
class Results:
    """Results since the start. Written under the lock of their queue."""

    delivered: int = 0
    refused: int = 0
    given_up: int = 0
    spared: int = 0
    """Words before the last one that were not told, because the host's requests were scarce."""
    retries: int = 0
    problem: str = ""
    """Reason for which the host takes nothing now; empty while it does."""


class Outgoing:
    """The statuses of one source. Safe for threads."""

    def __init__(
        self,
        source: str,
        api: HostApi,
        send: Send,
        told: Callable[[Report, str], None],
        *,
        threads: int = 4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to send.

        Args:
            source: Whose host it is, for the log.
            api: What the host takes.
            send: Sends one.
            told: Is called after the host took one, with what the next one of this run must know.
            threads: Statuses that are sent at once.
            clock: Seconds.
        """
        self._source, self._send, self._told, self._threads = source, send, told, threads
        self._clock = clock
        self._pace = Pace(api)
        self._waiting: dict[tuple[str, str, str], _Entry] = {}
        self._sending: set[tuple[str, str, str]] = set()
        self._of_runs: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        """Commits and contexts to which a run gave a status, told or spared: nothing that yields is told there."""
        self._changed = threading.Condition()
        self._stopped = False
        self.results = Results()

    def start(self) -> None:
        """Begin to send; returns at once."""
        for number in range(self._threads):
            name = f"report-{self._source}-{number}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def stop(self) -> None:
        """End; what waits is found again after the next start, since its Workflow bears no mark."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def put(self, report: Report) -> None:
        """Send this status instead of whatever waits for the same commit and context. One that yields is dropped where a run gave one."""
        with self._changed:
            key = report.status.key
            if report.yields and key in self._of_runs:
                return
            if not report.yields:
                self._of_runs[key] = None
                self._of_runs.move_to_end(key)
                if len(self._of_runs) > REMEMBERED:
                    self._of_runs.popitem(last=False)
            now = self._clock()
            waits = self._waiting.get(key)
            since = now if waits is None or waits.report.uid != report.uid else waits.since
            self._waiting[key] = _Entry(report, since, now)
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Statuses that the host has not taken yet."""
        with self._changed:
            return len(self._waiting) + len(self._sending)

    @property
    def oldest_seconds(self) -> float:
        """Waiting time of the oldest of them; 0 without any."""
        with self._changed:
            now = self._clock()
            return max((now - each.since for each in self._waiting.values()), default=0.0)

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            report = entry.report
            try:
                answer = self._send(report)
            except OSError as error:
                answer = Later(f"nobody answers: {error}")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is about this status alone
                answer = Refused(f"an error in hookline: {error!r}")
            self._answered(entry, answer)

    def _next(self) -> _Entry | None:
        """The next status to send; waits for it. None at the end."""
        with self._changed:
            while not self._stopped:
                now = self._clock()
                entry, pause = self._choose(now)
                if entry is not None:
                    self._pace.sent(now)
                    del self._waiting[entry.report.status.key]
                    self._sending.add(entry.report.status.key)
                    return entry
                self._changed.wait(pause)
        return None

    def _choose(self, now: float) -> tuple[_Entry | None, float | None]:
        if self._pace.scarce(now):
            early = [key for key, each in self._waiting.items() if not each.report.status.final]
            for key in early:
                del self._waiting[key]
            self.results.spared += len(early)
        free = [each for key, each in self._waiting.items() if key not in self._sending]
        if not free:
            return None, None
        # Final words of runs first: people wait for them. What no run gives comes last.
        best = min(
            free,
            key=lambda each: (
                max(each.due, now),
                each.report.yields,
                not each.report.status.final,
                each.since,
            ),
        )
        pause = max(best.due - now, self._pace.wait(now))
        return (best, None) if pause <= 0 else (None, pause)

    def _answered(self, entry: _Entry, answer: Answer) -> None:
        report = entry.report
        key = report.status.key
        memory = None
        with self._changed:
            problem = ""
            match answer:
                case Delivered():
                    memory = answer.memory or report.memory
                    self.results.delivered += 1
                case Refused():
                    # Told to nobody any more: another try would be refused as well.
                    memory = report.memory
                    self.results.refused += 1
                    problem = answer.why
                case Later():
                    problem = answer.why
                    self._again(entry, answer)
            follows = self._waiting.get(key)
            if memory is not None and follows is not None and follows.report.uid == report.uid:
                # The next word of this run must know what the host said to this one.
                follows.report = replace(follows.report, memory=memory)
            self._tell(problem, report.status)
        if memory is not None:
            try:
                self._told(report, memory)
            except Exception as error:  # noqa: BLE001 - the host has it; after a restart it is asked before it is told
                _log.warning("not marked as reported", workflow=report.workflow, error=repr(error))
        with self._changed:
            self._sending.discard(key)
            self._changed.notify()

    def _again(self, entry: _Entry, answer: Later) -> None:
        now, key = self._clock(), entry.report.status.key
        # Without a clear no it may have arrived.
        report = entry.report if answer.everything else replace(entry.report, unsure=True)
        self.results.retries += 1
        if now - entry.since > GIVE_UP_SECONDS:
            self.results.given_up += 1
            return
        limit = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(entry.tries, 16))
        pause = random.uniform(limit / 2, limit) if answer.seconds is None else answer.seconds  # noqa: S311 - jitter is no secret
        if answer.everything:
            self._pace.close(now + pause)
        if key not in self._waiting:
            # Nothing newer came meanwhile.
            self._waiting[key] = _Entry(report, entry.since, now + pause, entry.tries + 1)
        else:
            self._waiting[key].due = now + min(pause, limit)

    def _tell(self, problem: str, status: Status) -> None:
        """Log a problem once, and its end."""
        if problem and problem != self.results.problem:
            _log.warning(
                "a status was not taken", source=self._source, repository=status.repository, problem=problem
            )
        elif self.results.problem and not problem:
            _log.info("statuses are taken again", source=self._source)
        self.results.problem = problem
