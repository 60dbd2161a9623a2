"""The executor creates the runs of an order, each once, however often it is killed and started again.

It stores no state: event and pipeline give each run its name, so the API server tells which runs were created.
"""

import datetime
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from apiserver.connection import Refused
from hookline.fanning_out.asking import Answer, Asking, Trouble, is_right_missing
from hookline.fanning_out.creating import Creating, Round
from hookline.fanning_out.insisting import Insisting
from hookline.fanning_out.order import FanOut, Run, left_to, read_fan_out
from hookline.fanning_out.pacing import Pacer
from hookline.fanning_out.replacing import Newer
from hookline.fanning_out.tally import Outcome, Tally
from hookline.fanning_out.telling import Telling
from hookline.logs import log

__all__ = ["Executor", "find_order"]


def find_order(asking: Asking, insisting: Insisting, namespace: str, name: str) -> FanOut | None:
    """The order of a fan-out; None if there is no such Workflow.

    Raises:
        UnreadableOrder: As read_fan_out().
        Stopped, Refused, UnknownKind: As Insisting.until_answered().
    """
    found = insisting.until_answered("get", "workflows", namespace, lambda: asking.workflow(namespace, name))
    return None if found is None else read_fan_out(found)


class Executor:
    """Starts the runs of one order."""

    def __init__(
        self,
        fan_out: FanOut,
        asking: Asking,
        insisting: Insisting,
        telling: Telling,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            fan_out: The order.
            asking: Of the API server.
            insisting: Repeats requests, and waits.
            telling: Writes outputs and progress.
            clock: Seconds.
        """
        self.tally = Tally(fan_out.runs)
        self._fan_out, self._asking, self._insisting = fan_out, asking, insisting
        self._telling, self._clock, self._crew = telling, clock, insisting.crew
        self._newer = Newer(fan_out.identity, asking, insisting)
        self._pacer = Pacer(fan_out.pace)
        self._creating = Creating(
            asking, self._crew, self._pacer, self.tally, lambda: telling.progress(self.tally), clock
        )

    def run(self) -> list[tuple[Run, Outcome]]:
        """Start the runs. The answer is the runs that were refused to the end.

        Raises:
            Stopped: The process was asked to end before it was done.
        """
        timing, pace = self._insisting.timing, self._fan_out.pace
        self._telling.outputs(self.tally)
        log(
            "info", "fan-out begins", name=self._fan_out.identity.name, runs=self.tally.total, **pace.encode()
        )
        try:
            now = self._now() if pace.quiet or self._pacer.bounded else None
            pending = self._not_existing(now)
            if now is not None:
                age = now - self._fan_out.identity.created
                self._crew.pause(pace.quiet - age.total_seconds())
            refused = self._start(pending)
            for number in range(timing.rounds):
                rights_alone = all(is_right_missing(each) for each in refused.values())
                if not refused or (rights_alone and number >= timing.rights_rounds):
                    break
                self._crew.pause(timing.round_pause)
                refused = self._start(list(refused))
        finally:
            self._telling.outputs(self.tally)
            log("info", "fan-out ends", **self.tally.counts(), waiting=len(self.tally.of("waiting")))
        return self.tally.of("refused")

    def _now(self) -> datetime.datetime:
        """The time of the API server, whose clock also gives Workflows their times."""
        try:
            return self._insisting.until_answered("get", "version", "", self._asking.now)
        except Refused as refused:
            log("warning", "the API server does not say its time", reason=str(refused))
            return datetime.datetime.now(datetime.UTC)

    def _not_existing(self, now: datetime.datetime | None) -> list[Run]:
        """The runs that are to be created. The times of the others are noted, so that a process keeps the pace of the one before it.

        A second create of a run that exists would be refused for its name, and yet take a place in a quota until the quota's controller counts
        again: the quota is asked before the name, and gives nothing back (tests/cluster/test_fan_out_executor.py).
        """
        here = self._clock()

        def existing(answer: Answer) -> None:
            self.tally.note(answer.run, Outcome("existing"))
            if now is not None and answer.created is not None:
                # Both times are cut to whole seconds.
                ago = (now - answer.created).total_seconds() - 1.0
                self._pacer.created(answer.run.place, here - ago)

        return self._look_at(self._fan_out.runs, existing)

    def _start(self, runs: Iterable[Run]) -> dict[Run, Refused]:
        """Create runs at their pace. The answer is the refused runs, with the refusals."""
        round_ = Round(list(runs))
        while round_.pending:
            now = self._clock()
            if not self._pacer.may(round_.pending[0].place, now):
                self._crew.pause(self._pacer.wait(now))
            self._leave_to_newer(round_)
            self._creating.batch(round_)
            self._telling.outputs(self.tally)
            if round_.answered:
                log("info", "batch", **self.tally.counts(), waiting=len(self.tally.of("waiting")))
            self._insisting.bear("create", "workflows", "", round_.trouble, some=round_.answered)
        return round_.refused

    def _leave_to_newer(self, round_: Round) -> None:
        """Leave the runs that a newer fan-out starts as well to that fan-out."""
        found = left_to(round_.pending, self._newer.found())
        if not found:
            return
        # A process before this one may have created some of them, or a request without an answer.
        missing = self._look_at(list(found), lambda answer: self.tally.note(answer.run, Outcome("existing")))
        for run in missing:
            self.tally.note(run, Outcome("replaced", found[run]))
        for name, runs in Counter(found[each] for each in missing).items():
            log("info", "runs are left to a newer fan-out", name=name, runs=runs)
        round_.pending = [each for each in round_.pending if not self.tally.is_done(each)]

    def _look_at(self, runs: Sequence[Run], existing: Callable[[Answer], None]) -> list[Run]:
        """The runs that do not exist, or that the account may not read; the others are handed to `existing`."""
        pending, missing = dict.fromkeys(runs), set[Run]()
        while pending:
            troubles: list[Trouble] = []
            for answer in self._crew.each(list(pending), self._asking.look, lambda _: not troubles):  # noqa: B023 - it lives as long as this turn
                if answer.result == "trouble" and answer.error is not None:
                    troubles.append(answer.error)
                    continue
                del pending[answer.run]
                if answer.result == "existing":
                    existing(answer)
                else:
                    missing.add(answer.run)
            self._insisting.bear("get", "workflows", "", troubles[-1] if troubles else None)
        return [each for each in runs if each in missing]
