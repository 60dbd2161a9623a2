"""One batch of runs: several requests at a time create them, until the pace or a trouble ends the batch."""

from collections.abc import Callable
from dataclasses import dataclass, field

from apiserver.connection import Refused, Unreachable
from hookline.fanning_out.asking import Answer, Asking, Trouble, is_right_missing
from hookline.fanning_out.crew import Crew
from hookline.fanning_out.order import Run
from hookline.fanning_out.pacing import Pacer
from hookline.fanning_out.tally import Outcome, Tally
from hookline.logs import log

__all__ = ["REQUESTS", "Creating", "Round"]

REQUESTS = 8
"""Requests at a time."""
KINDS_TOLD = 20
"""The most kinds of refusals that are logged."""


@dataclass(slots=True)
class Round:
    """Runs that are each tried until they exist or are refused."""

    pending: list[Run]
    refused: dict[Run, Refused] = field(default_factory=dict)
    closed: dict[str, Refused] = field(default_factory=dict)
    """Namespace in which the account may create no Workflow → the refusal."""
    trouble: Trouble | None = None
    """The trouble that ended the last batch."""
    answered: bool = False
    """Whether other requests of that batch were answered."""


class Creating:
    """Creates the runs of a round, batch by batch."""

    def __init__(
        self,
        asking: Asking,
        crew: Crew,
        pacer: Pacer,
        tally: Tally,
        progress: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """Work with these; progress is called after each answer."""
        self._asking, self._crew, self._pacer, self._tally = asking, crew, pacer, tally
        self._progress, self._clock = progress, clock
        self._unsure: set[Run] = set()
        """Runs that may exist though a request for them had no answer."""
        self._told: set[tuple[str, int, str]] = set()

    def batch(self, round_: Round) -> None:
        """Create as many runs as the pace allows.

        Raises:
            Stopped: Somebody asked this process to end.
        """
        round_.trouble, round_.answered = None, False
        broken: list[Run] = []

        def may_begin(run: Run) -> bool:
            if _ends(round_.trouble, len(broken)) or not self._pacer.may(run.place, self._clock()):
                return False
            self._pacer.asked(run.place)
            return True

        open_ = (each for each in round_.pending if each.namespace not in round_.closed)
        for answer in self._crew.each(open_, self._ask, may_begin):
            if answer.result == "trouble":
                broken.append(answer.run)
            else:
                round_.answered = True
            self._take(answer, round_)
            self._progress()
        for run in round_.pending:
            if run.namespace in round_.closed and not self._tally.is_done(run):
                self._refuse(run, round_.closed[run.namespace], round_)
        left = [
            each for each in round_.pending if not self._tally.is_done(each) and each not in round_.refused
        ]
        # A run at which the API server fails must not hold the others up.
        round_.pending = left if _is_of_all(round_.trouble) else sorted(left, key=lambda each: each in broken)

    def _ask(self, run: Run) -> Answer:
        ask = self._asking.create_unless_there if run in self._unsure else self._asking.create
        return ask(run)

    def _take(self, answer: Answer, round_: Round) -> None:
        """Take note of an answer."""
        run, error = answer.run, answer.error
        if answer.unsure:
            self._unsure.add(run)
        if answer.result == "started" or run in self._unsure:
            self._pacer.created(run.place, self._clock())
        else:
            self._pacer.not_created(run.place)
        match answer.result:
            case "started":
                self._tally.note(run, Outcome("started"))
            case "existing":
                # An earlier request of this process had no answer: it has created the run.
                self._tally.note(run, Outcome("started" if run in self._unsure else "existing"))
            case "trouble":
                round_.trouble = error
            case _ if isinstance(error, Refused):
                self._refuse(run, error, round_)
                if is_right_missing(error):
                    round_.closed[run.namespace] = error

    def _refuse(self, run: Run, refused: Refused, round_: Round) -> None:
        round_.refused[run] = refused
        self._tally.note(run, Outcome("refused", str(refused)))
        kind = run.namespace, refused.status, refused.reason
        if kind not in self._told and len(self._told) < KINDS_TOLD:
            self._told.add(kind)
            log("warning", "the API server refuses a run", run=run.place, reason=str(refused))


def _ends(trouble: Trouble | None, troubles: int) -> bool:
    """Whether further requests should wait: the API server is away or overloaded, or fails again and again."""
    return _is_of_all(trouble) or troubles >= REQUESTS


def _is_of_all(trouble: Trouble | None) -> bool:
    """Whether a trouble is of the API server, and not of one run."""
    return isinstance(trouble, Unreachable) or (trouble is not None and trouble.status in (429, 503, 504))
