"""Orders: what the commands of a comment mean for a request as it is now. Pure: the decision is that of the Sensors' program.

A run of a command is the run that the host's event of this request would start, decided by `simulate` of an event that is made of the host's
answer. Nothing that a person wrote gets into it: a name is compared with those of pipelines, a commit with the request's.
"""

import datetime
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from events.delivery import BusEvent, rfc3339
from hookline.answers.simulation import Result, simulate
from hookline.commenting.comment import Comment
from hookline.commenting.grammar import Command
from hookline.commenting.questions import event_body, event_headers
from hookline.plan.planning import Plan
from hookline.steering.manual import person
from runs.stopping import ENDED, Selection, phase
from triggers.manual_run import repeated
from triggers.words import BECAUSE_ANNOTATION, PREFIX, STARTED_BY_ANNOTATION
from triggers.workflow import NAME_LENGTH

__all__ = ["Order", "Reason", "Request", "approved", "cancelled", "declared_repository", "retested", "tested"]

Reason = Literal["NO_PIPELINE", "NOTHING_RUNS", "NOTHING_FAILED", "NOT_HEAD", "NO_FORKS"]
"""Reason for which a command starts nothing: no pipeline has this name; the decision starts none; no run of this commit failed last; the request has another
commit; no pipeline takes requests from forks."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that somebody commented on, as its host has it now."""

    source: str
    """hookline's name of the source."""
    repository: str
    """As the declaration spells it."""
    said: Comment
    time: datetime.datetime
    """When the bus stored the comment."""
    sha: str
    """Commit at the head."""
    answer: Mapping[str, Any]
    """The host's."""

    @property
    def by(self) -> str:
        """The author as annotations name them."""
        return person(f"{self.said.author}@{self.source}")

    def because(self, command: Command) -> str:
        """The reason as annotations give it: of it, only the verb of the grammar comes from the comment."""
        return f"comment {self.said.id} on request {self.said.request}: /{command.verb}"


@dataclass(frozen=True, slots=True)
class Order:
    """The runs that one command asks for."""

    workflows: tuple[dict[str, Any], ...] = ()
    """To create. Each has a name that follows from the comment and the commit, or from the approved commit: it exists once."""
    reason: Reason | None = None
    """Reason for which there are none."""
    decisions: tuple[str, ...] = ()
    """Answers of the pipelines, as `cart: skip(DRAFTS)`, for the log."""


def declared_repository(plan: Plan, source: str, name: str) -> str | None:
    """The repository of a source as the declaration spells it; None if no pipeline takes its requests."""
    endpoint = plan.endpoints[source]
    for route in plan.routes:
        if route.source.name != source or "pull_request" not in route.kinds:
            continue
        declared = plan.declaration.pipelines[route.pipeline].pipeline.repository.name
        if endpoint.host.key(declared) == endpoint.host.key(name):
            return declared
    return None


def tested(plan: Plan, request: Request, command: Command) -> Order:
    """`/test [NAME]`: what the request would start if it were opened now."""
    if command.argument and command.argument not in plan.workloads:
        return Order(reason="NO_PIPELINE")
    return _again(
        plan, request, command, lambda each: command.argument in ("", each.pipeline), "NOTHING_RUNS"
    )


def retested(plan: Plan, request: Request, command: Command, runs: Iterable[Mapping[str, Any]]) -> Order:
    """`/retest`: the same, of the pipelines whose last run of this commit failed.

    Args:
        plan: Of the declaration.
        request: The request.
        command: The command.
        runs: Workflows of its repository, whatever they are for.
    """
    failed = _failed(request, runs)
    if not failed:
        return Order(reason="NOTHING_FAILED")
    return _again(plan, request, command, lambda each: each.pipeline in failed, "NOTHING_RUNS")


def approved(plan: Plan, request: Request, command: Command) -> Order:
    """`/approve SHA`: what the approving label would start, if the request's head is this commit.

    The run is the one of the label: it has the same name, so that label and command together start one.
    """
    if not request.sha.startswith(command.argument):
        return Order(reason="NOT_HEAD")
    labels = sorted(
        {
            rule.approved_by.label
            for route in plan.routes
            if route.source.name == request.source
            and (rule := route.events.pull_request) is not None
            and rule.approved_by is not None
        }
    )
    if not labels:
        return Order(reason="NO_FORKS")
    results = [each for label in labels for each in _decided(plan, request, (label, request.said.author))]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in results:
        if each.workflow is not None and each.pipeline in plan.sandboxed:
            metadata = each.workflow["metadata"]
            annotations = {**metadata.get("annotations", {}), **_annotations(request, command)}
            key = metadata["namespace"], metadata["name"]
            found[key] = {**each.workflow, "metadata": {**metadata, "annotations": annotations}}
    return _order(list(found.values()), "NOTHING_RUNS", results)


def cancelled(request: Request, runs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """`/cancel`: the runs of a request that were there when the comment was written."""
    selection = Selection(repository=request.repository, request=request.said.request)
    return [
        each
        for each in runs
        if selection.chooses(each)
        and phase(each) not in ENDED
        and each["metadata"]["labels"].get(f"{PREFIX}source") == request.source
        and datetime.datetime.fromisoformat(each["metadata"]["creationTimestamp"]) <= request.time
    ]


def _again(plan: Plan, request: Request, command: Command, wanted: Any, none: Reason) -> Order:
    results = [each for each in _decided(plan, request) if wanted(each)]
    made = [
        repeated(each.workflow, _name(request, each.pipeline), _annotations(request, command))
        for each in results
        if each.workflow is not None and each.pipeline not in plan.sandboxed
    ]
    return _order(made, none, results)


def _order(made: Sequence[dict[str, Any]], none: Reason, results: Sequence[Result]) -> Order:
    decisions = tuple(f"{each.pipeline}: {each.verdict}({each.reason})" for each in results)
    return Order(tuple(made), None if made else none, decisions)


def _decided(plan: Plan, request: Request, approval: tuple[str, str] | None = None) -> Sequence[Result]:
    endpoint = plan.endpoints[request.source]
    data = {
        endpoint.host.receiver.headers_key: event_headers(endpoint.host.name),
        "body": event_body(endpoint.host.name, request.repository, request.answer, approval),
    }
    context = {"id": f"comment-{request.said.id}", "time": rfc3339(request.time)}
    found = simulate(plan, BusEvent(endpoint.event_source, endpoint.name, data, context))
    # The answer could have been of another commit only if this module took another field than the program does.
    return found.results if found.event.get("sha") == request.sha else ()


def _annotations(request: Request, command: Command) -> dict[str, str]:
    return {STARTED_BY_ANNOTATION: request.by, BECAUSE_ANNOTATION: request.because(command)}


def _name(request: Request, pipeline: str) -> str:
    """The name of a run: another for each comment and commit, and the same however often the comment is read."""
    parts = (request.source, request.repository.lower(), str(request.said.id), request.sha, pipeline)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"{pipeline[:NAME_LENGTH].rstrip('-')}-{digest}"


def _failed(request: Request, runs: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Pipelines whose last run of the request's commit failed; a run that the comment itself started does not count."""
    selection = Selection(repository=request.repository, request=request.said.request)
    last: dict[str, Mapping[str, Any]] = {}
    for each in runs:
        metadata = each["metadata"]
        pipeline = (metadata.get("labels") or {}).get(f"{PREFIX}pipeline", "")
        same = (metadata.get("annotations") or {}).get(f"{PREFIX}sha") == request.sha
        if not same or not selection.chooses(each) or metadata["name"] == _name(request, pipeline):
            continue
        if pipeline not in last or _age(each) > _age(last[pipeline]):
            last[pipeline] = each
    return frozenset(name for name, each in last.items() if phase(each) in {"Failed", "Error"})


def _age(workflow: Mapping[str, Any]) -> tuple[str, str]:
    return str(workflow["metadata"]["creationTimestamp"]), str(workflow["metadata"]["name"])
