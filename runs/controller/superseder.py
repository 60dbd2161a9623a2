"""Superseder: stops runs that a newer commit of the same request or branch has made useless, and runs of closed requests.

What shall end is worked out of all Workflows after each change; nothing is kept that a start does not find again.
"""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from apiserver.connection import Refused, Unreachable
from apiserver.resources import Resources, UnknownKind
from runs.controller.duty import Hands
from runs.objects import Workflow
from runs.stopping import ask_to_end, next_step, request_number, same_run, step_of
from runs.superseding import LONGEST_SECONDS, Attempt, Choice, Closure, Subject, superseded
from triggers.words import CANCELLED_BECAUSE_ANNOTATION, SUPERSEDED_ANNOTATION

__all__ = ["FAMILIES", "Due", "Superseder"]

API = "argoproj.io/v1alpha1"
LOOK_SECONDS = 0.5
RETRY_SECONDS = 20.0
"""After a request that the API server did not take."""
REMEMBERED = 10_000
"""Requests of which is remembered whether they are closed."""
CLOSED = "its request was closed"
_log = structlog.get_logger()

Reason = Literal["newer_commit", "closed"]
FAMILIES = {
    "hookline_controller_superseded_total": "Runs that the controller asked to end: newer_commit, their request or branch got a newer commit; "
    "closed, their request was closed.",
}
"""Name → help."""


@dataclass(frozen=True, slots=True)
class Due:
    """A run that shall end."""

    namespace: str
    name: str
    uid: str
    source: str
    """Source of the event that ends it."""
    strategy: str
    """Stop or Terminate, by the state in which the watch showed it."""
    reason: Reason
    sha: str = ""
    """The newer commit."""

    @property
    def why(self) -> str:
        """The reason in words."""
        return CLOSED if self.reason == "closed" else f"superseded by {self.sha[:12]}"


@dataclass(frozen=True, slots=True)
class _Run:
    """The part of a Workflow that counts."""

    workflow: tuple[str, str]
    """Namespace and name."""
    attempt: Attempt | None
    """None where it neither supersedes nor is superseded."""
    source: str
    repository: str
    pipeline: str
    request: int
    """0 = of no request."""
    by_hand: bool
    time: float
    step: str
    """The next step if it shall end."""
    spared: bool
    """Whether somebody took it up again after it was superseded."""


class Superseder:
    """A duty of Workflows, and the companion that asks the API server. Both threads may be anywhere at any time."""

    name = "supersede"

    def __init__(self, choice: Choice) -> None:
        """Begin with nothing seen.

        Args:
            choice: The runs that a newer commit may end.
        """
        self._choice = choice
        self._runs: dict[str, _Run] = {}
        self._closures: OrderedDict[tuple[str, str, int], Closure] = OrderedDict()
        self._synced = self._changed = False
        self._lock = threading.Lock()
        self._count: Counter[tuple[str, Reason]] = Counter()
        self._trouble = ""

    # Told

    def changed(self, workflow: Workflow, now: float) -> None:  # noqa: ARG002 - the duty decides later
        """A Workflow as it is now."""
        run = self._run(workflow)
        with self._lock:
            if self._runs.get(workflow.uid) != run:
                self._runs[workflow.uid] = run
                self._changed = True

    def gone(self, uid: str) -> None:
        """A Workflow is no longer there."""
        with self._lock:
            self._runs.pop(uid, None)

    def synced(self, now: float) -> None:  # noqa: ARG002 - the duty decides later
        """All Workflows were given: which commit is the newest is known."""
        with self._lock:
            self._synced = self._changed = True

    def close(self, closures: Iterable[Closure]) -> None:
        """Fate of requests, in the order of the bus. Giving it twice does no harm."""
        with self._lock:
            for each in closures:
                known = self._closures.get(each.key)
                if known is None or each.time >= known.time:
                    self._closures[each.key] = each
                    self._closures.move_to_end(each.key)
                    self._changed = True
            while len(self._closures) > REMEMBERED:
                self._closures.popitem(last=False)

    # At work

    def due(self, now: float) -> list[Due]:
        """The runs that shall end and were not asked to; none before all Workflows were given.

        Args:
            now: Unix seconds.
        """
        with self._lock:
            if not self._synced:
                return []
            runs, closures = dict(self._runs), dict(self._closures)
        newer = superseded((each.attempt for each in runs.values() if each.attempt is not None), now)
        found = []
        for uid, run in runs.items():
            if run.spared or run.step not in {"Stop", "Terminate"}:
                continue
            where = (*run.workflow, uid)
            if uid in newer:
                found.append(Due(*where, run.source, run.step, "newer_commit", newer[uid]))
            elif (closure := _closure(run, closures, now)) is not None:
                found.append(Due(*where, closure.source, run.step, "closed"))
        return found

    def run(self, hands: Hands, ended: threading.Event) -> None:
        """Ask for the end of each run that is due, until `ended`."""
        resources, rests_until = Resources(hands.connection), 0.0
        while not ended.wait(LOOK_SECONDS):
            now = time.time()
            with self._lock:
                if now < rests_until or not self._changed:
                    continue
                self._changed = False
            if self._ask(resources, self.due(now), ended):
                continue
            rests_until = now + RETRY_SECONDS
            with self._lock:
                self._changed = True
        self._say("")

    def warnings(self) -> Sequence[str]:
        """Reason for which runs are not stopped now."""
        return [self._trouble] if self._trouble else []

    def metrics(self) -> Iterable[Metric]:
        """The metrics of FAMILIES."""
        ((name, words),) = FAMILIES.items()
        family = CounterMetricFamily(name, words, labels=["source", "reason"])
        with self._lock:
            for (source, reason), count in sorted(self._count.items()):
                family.add_metric([source, reason], count)
        yield family

    def _ask(self, resources: Resources, due: Iterable[Due], ended: threading.Event) -> bool:
        """Ask for the end of these; whether the API server took every request."""
        trouble = ""
        for each in due:
            if ended.is_set():
                return True
            try:
                if not self._end(resources, each):
                    trouble = f"runs are not stopped: {each.namespace}/{each.name} changes all the time"
            except (Refused, Unreachable, UnknownKind) as error:
                trouble = f"runs are not stopped: {' '.join(str(error).split())[:300]}"
                if not isinstance(error, Refused):
                    break
            except Exception as error:  # noqa: BLE001 - whatever it is, it is about this run alone
                trouble = f"runs are not stopped: an error in hookline: {error!r}"[:300]
        self._say(trouble)
        return not trouble

    def _end(self, resources: Resources, due: Due) -> bool:
        """Ask for the end of a run; whether nothing is left to ask for."""
        metadata = {"namespace": due.namespace, "name": due.name, "uid": due.uid}
        workflow = {"apiVersion": API, "kind": "Workflow", "metadata": metadata}
        said = {SUPERSEDED_ANNOTATION: due.sha} if due.sha else {CANCELLED_BECAUSE_ANNOTATION: CLOSED}
        asked = ask_to_end(resources, workflow, same_run(resources, workflow), said)
        if not asked.patched:
            return asked.now is None or next_step(asked.now) in {"ended", "wait"}
        with self._lock:
            self._count[due.source, due.reason] += 1
        _log.info(
            "a run is stopped",
            namespace=due.namespace,
            workflow=due.name,
            reason=due.reason,
            superseded_by=due.sha or None,
            strategy=asked.strategy,
        )
        return True

    def _run(self, workflow: Workflow) -> _Run:
        # A run that a person started waits for no event.
        known = None if workflow.by_hand else workflow.event_time
        when, repository = workflow.created if known is None else known, workflow.repository.lower()
        request = request_number(workflow.ref)
        attempt = None
        if (
            not workflow.by_hand
            and workflow.pipeline
            and repository
            and workflow.sha
            and self._choice.holds(workflow.source, workflow.pipeline, workflow.event)
            and (ref := f"request {request}" if workflow.event == "pull_request" else workflow.ref)
            and ref != "request 0"
        ):
            subject = Subject(workflow.namespace, workflow.pipeline, workflow.source, repository, ref)
            attempt = Attempt(workflow.uid, subject, workflow.sha, when, workflow.ended)
        return _Run(
            (workflow.namespace, workflow.name),
            attempt,
            workflow.source,
            repository,
            workflow.pipeline,
            request,
            workflow.by_hand,
            when,
            step_of(workflow.phase, workflow.shutdown),
            spared=bool(workflow.superseded_by) and not workflow.shutdown,
        )

    def _say(self, trouble: str) -> None:
        """Log a trouble once, and its end."""
        if trouble and trouble != self._trouble:
            _log.warning("runs are not stopped", trouble=trouble)
        elif self._trouble and not trouble:
            _log.info("runs are stopped again")
        self._trouble = trouble


def _closure(run: _Run, closures: Mapping[tuple[str, str, int], Closure], now: float) -> Closure | None:
    """The event that closed the run's request after the run's event; None if nothing did."""
    if not run.request or now - run.time > LONGEST_SECONDS:
        return None
    place = run.repository, run.request
    found = closures.get((run.source, *place))
    if found is None and run.by_hand:
        # A run by hand carries no source; its pipeline says whose it is.
        found = next(
            (each for key, each in closures.items() if key[1:] == place and run.pipeline in each.pipelines),
            None,
        )
    return found if found is not None and found.closed and run.time < found.time else None
