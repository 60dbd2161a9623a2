"""Comment commands in the controller: a duty of the bus hears the comments, a companion with a thread of its own asks the host and acts."""

import datetime
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from apiserver.connection import Refused, Unreachable
from apiserver.resources import Resources, UnknownKind
from hookline.commenting.comment import Comment, comment
from hookline.commenting.grammar import MOST, Command, commands
from hookline.commenting.host import AskedHost, NotAnswered
from hookline.commenting.orders import (
    Order,
    Request,
    approved,
    cancelled,
    declared_repository,
    retested,
    tested,
)
from hookline.commenting.questions import head
from hookline.controlling.duties import Arrival
from hookline.plan.planning import Plan
from hookline.steering.cluster_runs import ClusterRuns
from runs.controller.duty import Hands
from triggers.words import PREFIX

__all__ = ["FAMILIES", "CommentDuty", "Comments"]

API = "argoproj.io/v1alpha1"
Key = TypeVar("Key")
Value = TypeVar("Value")
MANAGER = "hookline-comments"
LONGEST_SECONDS = 900.0
"""A comment that is older is not acted on: its author does not wait for it any more, and a ttl may have removed what it started."""
RETRY_SECONDS = 20.0
PAUSE_SECONDS = 0.5
REMEMBERED = 10_000
"""Comments and requests that are remembered."""
_log = structlog.get_logger()

RESULTS = (
    "created",
    "existing",
    "cancelled",
    "EDITED",
    "CLOSED",
    "BOT",
    "UNCLEAR",
    "OWN",
    "TOO_MANY",
    "TOO_OLD",
    "NO_REQUEST",
    "NO_PERMISSION",
    "MOVED",
    "NO_PIPELINE",
    "NOTHING_RUNS",
    "NOTHING_FAILED",
    "NOT_HEAD",
    "NO_FORKS",
    "CONFLICT",
    "REFUSED",
)

FAMILIES = {
    "hookline_controller_comments_total": "Results of comment commands: runs that were created, existing ones, cancelled ones, and refusals by their "
    "reason (hookline docs comments).",
    "hookline_controller_comments_waiting": "Comments with commands that were not answered yet.",
}
"""Name → help."""


@dataclass(slots=True)
class _Waiting:
    source: str
    repository: str
    said: Comment
    wanted: tuple[Command, ...]
    sequence: int
    time: datetime.datetime
    due: float = 0.0


class CommentDuty:
    """A duty of the bus: gives each comment that holds commands to the companion, after the round in which it came."""

    name = "comments"

    def __init__(self, plan: Plan, comments: "Comments", sources: frozenset[str]) -> None:
        """Hear the comments of these sources."""
        self._plan, self._comments, self._sources = plan, comments, sources
        self._heard: list[_Waiting] = []
        self._seen: dict[tuple[str, int], None] = {}

    def arrived(self, arrival: Arrival) -> None:
        """A message."""
        delivery = arrival.delivery
        source = delivery.event_name
        endpoint = self._plan.endpoints.get(source)
        if source not in self._sources or endpoint is None or endpoint.event_source != delivery.event_source:
            return
        request = arrival.event.get("pull_request")
        if isinstance(request, Mapping):
            if request.get("action") == "updated":
                repository = str(arrival.event.get("repository")).lower()
                self._comments.moved(source, repository, request.get("number"), arrival.message.sequence)
            return
        said = comment(endpoint.host.name, delivery)
        wanted = commands(said.text) if said is not None else ()
        if said is None or not wanted:
            return
        declared = declared_repository(self._plan, source, said.repository)
        if declared is None:
            return
        if said.unheard is not None:
            self._comments.refuse(source, said, said.unheard.upper())
            return
        if (source, said.id) in self._seen:
            return
        _remember(self._seen, (source, said.id), None)
        message = arrival.message
        self._heard.append(_Waiting(source, declared, said, wanted, message.sequence, message.time))

    def looked(self, now: float) -> None:  # noqa: ARG002 - the duty needs no time
        """The round is over: what happened to the requests after the comments is known."""
        heard, self._heard = self._heard, []
        self._comments.put(heard)


class Comments:
    """A companion of the controller: acts on comments, one after the other."""

    name = "comments"

    def __init__(self, plan: Plan, *, clock: Callable[[], float] = time.time) -> None:
        """Prepare; nothing is asked yet."""
        self._plan, self._clock = plan, clock
        self._waiting: list[_Waiting] = []
        self._moved: dict[tuple[str, str, object], int] = {}
        self._lock = threading.Lock()
        self._results: Counter[str] = Counter(dict.fromkeys(RESULTS, 0))
        self._trouble = ""

    def run(self, hands: Hands, ended: threading.Event) -> None:
        """Act until `ended`."""
        with self._lock:
            # Those of an earlier lead are given again by the bus.
            self._waiting = []
        hosts = {name: AskedHost(each) for name, each in hands.settings.sources.items()}
        try:
            while not ended.wait(PAUSE_SECONDS):
                while not ended.is_set() and (found := self._next()) is not None:
                    self._attempt(found, hosts.get(found.source), hands)
        finally:
            self._trouble = ""

    def warnings(self) -> Sequence[str]:
        """Reason for which comments wait."""
        return [self._trouble] if self._trouble else []

    def metrics(self) -> Iterable[Metric]:
        """The metrics of FAMILIES."""
        total, waiting = FAMILIES
        results = CounterMetricFamily(total, FAMILIES[total], labels=["result"])
        with self._lock:
            for result, count in self._results.items():
                results.add_metric([result.lower()], count)
            yield results
            yield GaugeMetricFamily(waiting, FAMILIES[waiting], value=len(self._waiting))

    # Told by the duty

    def put(self, heard: Iterable[_Waiting]) -> None:
        """Act on these."""
        with self._lock:
            self._waiting.extend(heard)

    def moved(self, source: str, repository: str, number: object, sequence: int) -> None:
        """A request got new commits, by the message of this place."""
        with self._lock:
            _remember(self._moved, (source, repository, number), sequence)

    def refuse(self, source: str, said: Comment, reason: str, **facts: object) -> None:
        """Count and log that a command is not followed. No text of the comment is logged."""
        self._count(reason)
        _log.info(
            "a comment command is not followed",
            source=source,
            repository=said.repository[:200],
            request=said.request,
            comment=said.id,
            author=said.author[:100],
            reason=reason,
            **facts,
        )

    # At work

    def _next(self) -> _Waiting | None:
        now = self._clock()
        with self._lock:
            for place, each in enumerate(self._waiting):
                if each.due <= now:
                    return self._waiting.pop(place)
        return None

    def _attempt(self, found: _Waiting, host: AskedHost | None, hands: Hands) -> None:
        if self._clock() - found.time.timestamp() > LONGEST_SECONDS:
            self.refuse(found.source, found.said, "TOO_OLD")
            return
        if len(found.wanted) > MOST:
            self.refuse(found.source, found.said, "TOO_MANY")
            return
        try:
            self._act(found, host, hands)
            self._say("")
        except (NotAnswered, Unreachable, UnknownKind, Refused) as error:
            self._say(f"comments of {found.source}: {' '.join(str(error).split())[:300]}")
            found.due = self._clock() + RETRY_SECONDS
            self.put([found])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is about this comment alone
            self.refuse(found.source, found.said, "REFUSED", error=repr(error))

    def _act(self, found: _Waiting, host: AskedHost | None, hands: Hands) -> None:
        said = found.said
        if host is None:
            raise NotAnswered("the settings of the controller have no source of this name")
        if host.own().lower() == said.author.lower():
            self.refuse(found.source, said, "OWN")
            return
        if not host.may_write(found.repository, said):
            self.refuse(found.source, said, "NO_PERMISSION")
            return
        answer = host.request(found.repository, said.request)
        now = None if answer is None else head(host.kind, said.request, answer)
        if answer is None or now is None:
            self.refuse(found.source, said, "NO_REQUEST")
            return
        if not now.open:
            self.refuse(found.source, said, "CLOSED")
            return
        request = Request(found.source, found.repository, said, found.time, now.sha, answer)
        for each in found.wanted:
            if each.verb == "cancel":
                self._cancel(request, each, hands)
                continue
            # Read late, just before the run is made.
            if self._moved_since(found):
                self.refuse(found.source, said, "MOVED", command=each.verb)
                continue
            self._create(request, each, self._order(request, each, hands), hands)

    def _order(self, request: Request, command: Command, hands: Hands) -> Order:
        if command.verb == "approve":
            return approved(self._plan, request, command)
        if command.verb == "retest":
            resources = Resources(hands.connection)
            runs = [
                each
                for namespace in self._plan.namespaces
                for each in resources.all_of(API, "Workflow", namespace, f"{PREFIX}source={request.source}")
            ]
            return retested(self._plan, request, command, runs)
        return tested(self._plan, request, command)

    def _create(self, request: Request, command: Command, order: Order, hands: Hands) -> None:
        if order.reason is not None:
            self.refuse(
                request.source,
                request.said,
                order.reason,
                command=command.verb,
                decisions=list(order.decisions[:20]),
            )
        resources = Resources(hands.connection)
        for workflow in order.workflows:
            metadata = workflow["metadata"]
            try:
                resources.create(workflow, MANAGER)
            except Refused as refused:
                if refused.status == 409:
                    self._count("existing")
                    continue
                if refused.status in {400, 422}:
                    self.refuse(request.source, request.said, "REFUSED", error=str(refused)[:300])
                    continue
                raise
            self._count("created")
            _log.info(
                "a comment started a run",
                namespace=metadata["namespace"],
                workflow=metadata["name"],
                by=request.by,
                because=request.because(command),
                sha=request.sha,
            )

    def _cancel(self, request: Request, command: Command, hands: Hands) -> None:
        resources = Resources(hands.connection)
        running = [
            each
            for namespace in self._plan.namespaces
            for each in resources.all_of(
                API,
                "Workflow",
                namespace,
                f"{PREFIX}source={request.source},workflows.argoproj.io/completed!=true",
            )
        ]
        meant = [dict(each) for each in cancelled(request, running)]
        stopped = ClusterRuns(hands.connection).stop(
            meant, by=request.by, because=request.because(command), wait_seconds=0
        )
        asked = [each for each in stopped if each.strategy]
        # It changed each time before it could be asked.
        missed = [each for each in stopped if each.result == "running"]
        for each in asked:
            self._count("cancelled")
            _log.info(
                "a comment cancelled a run", namespace=each.namespace, workflow=each.name, by=request.by
            )
        for each in missed:
            self.refuse(
                request.source,
                request.said,
                "CONFLICT",
                command=command.verb,
                namespace=each.namespace,
                workflow=each.name,
            )
        if not asked and not missed:
            self.refuse(request.source, request.said, "NOTHING_RUNS", command=command.verb)

    def _moved_since(self, found: _Waiting) -> bool:
        key = found.source, found.repository.lower(), found.said.request
        with self._lock:
            return self._moved.get(key, 0) > found.sequence

    def _count(self, result: str) -> None:
        with self._lock:
            self._results[result] += 1

    def _say(self, trouble: str) -> None:
        """Log a trouble once, and its end."""
        if trouble and trouble != self._trouble:
            _log.warning("comments wait", trouble=trouble)
        elif self._trouble and not trouble:
            _log.info("comments are answered again")
        self._trouble = trouble


def _remember(kept: dict[Key, Value], key: Key, value: Value) -> None:
    """Remember at the end, and forget the oldest."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > REMEMBERED:
        del kept[next(iter(kept))]
