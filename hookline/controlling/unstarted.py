"""Requests that start nothing: what the host is told of each pipeline that listens to requests and makes no run of this one. Pure.

Source of what a host makes of it: GitHub's documentation, "Troubleshooting required status checks" (a required check that nobody reports is
pending for ever); GitLab's, "Auto-merge" (with "Pipelines must succeed" the one pipeline of a commit decides).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hookline.answers.simulation import Result
from hookline.declaration.report_skipped import REPORTED_REASONS, reported_reasons
from hookline.plan.planning import Plan
from runs.reports.reporter import Naming
from runs.reports.status import NOT_STARTED, Status, Word
from sensors.clauses import CLAUSES

__all__ = ["BLOCKED", "SILENT", "WAITING", "Unstarted", "unstarted"]

REQUESTS: Final = ("pull_request", "merge_group")
"""Kinds of events about a request."""
NEW_CODE: Final = frozenset({"opened", "reopened", "updated", "ready", "retargeted"})
"""Actions of a request that a pipeline may start for without an approval (the clause ACTION in sensors/decide.jq)."""
WAITING: Final[Mapping[str, str]] = {
    "APPROVAL": "waits until a maintainer adds the label {label}",
    "DRAFTS": "waits until the request is ready for review",
}
"""Reason → what starts a run of the same commit later. A success would let the request be merged before."""
BLOCKED: Final[Mapping[str, str]] = {
    "REF": "the name of the branch has characters that the template may not get; use another branch"
}
"""Reason → what its author has to change. Whoever names the branch must not pass a required check by it."""
ONE_VERDICT: Final = frozenset({"gitlab"})
"""Hosts that let the statuses of a commit decide together, so that one that waits holds a request which needs no such check."""
SILENT: Final = frozenset({"DELETED", "COMMIT", "ACTION"})
"""Reasons of events that bring no commit to check."""
_MEANINGS: Final = {each.code: each for each in CLAUSES}
_TAKES_NO_FOREIGN: Final = frozenset({"EVENT", "SUSPENDED", "ACTION", "FORKS", "INTO"})
"""Reasons that do not show that a pipeline builds foreign code for this target."""


@dataclass(frozen=True, slots=True)
class Unstarted:
    """One status of a commit that no run gives."""

    source: str
    status: Status
    together: bool
    """Whether the host has one verdict for all statuses of the commit (ONE_VERDICT)."""


def unstarted(
    plan: Plan, naming: Naming, source: str, event: Mapping[str, Any], results: Collection[Result]
) -> list[Unstarted]:
    """The statuses of an event's pipelines that start nothing.

    Args:
        plan: Of the declaration.
        naming: Names of statuses.
        source: The source that received the event.
        event: The canonical event.
        results: The answers of the pipelines that the event is about.
    """
    kind, sha, repository = event.get("kind"), event.get("sha"), event.get("repository")
    if (
        kind not in REQUESTS
        or event.get("deleted")
        or not (sha and repository)
        or source not in plan.endpoints
    ):
        return []
    listening = _listening(plan, source)
    found: list[Unstarted] = []
    for each in results:
        said = (
            _said(plan, event, each, results)
            if each.pipeline in listening and each.workflow is None
            else None
        )
        if said is not None:
            context = naming.context_named(each.pipeline, str(kind), source)
            status = Status(str(repository), str(sha), context, *said)
            found.append(Unstarted(source, status, plan.endpoints[source].host.name in ONE_VERDICT))
    return found


def _listening(plan: Plan, source: str) -> frozenset[str]:
    """The pipelines that requests of a source start."""
    return frozenset(
        route.pipeline
        for route in plan.routes
        if route.source.name == source and not route.kinds.isdisjoint(REQUESTS)
    )


def _said(
    plan: Plan, event: Mapping[str, Any], result: Result, results: Iterable[Result]
) -> tuple[Word, str] | None:
    """Word and description; None if nothing is told."""
    declared = plan.declaration.controller
    pipeline = plan.declaration.pipelines[result.pipeline].pipeline
    reasons = reported_reasons(
        declared is not None and declared.controller.report_skipped, pipeline.report_skipped
    )
    reason, request = result.reason, event.get("pull_request") or {}
    if reasons is False or reason in SILENT:
        return None
    if (
        reason in {"EVENT", "SUSPENDED"}
        and event["kind"] == "pull_request"
        and request.get("action") not in NEW_CODE
    ):
        # These clauses come before the one that looks at the action.
        return None
    if reason in WAITING:
        approval = pipeline.events.pull_request.approved_by if pipeline.events.pull_request else None
        return "queued", NOT_STARTED + WAITING[reason].format(label=approval.label if approval else "")
    if reason in BLOCKED:
        return "error", NOT_STARTED + BLOCKED[reason]
    if reason not in (REPORTED_REASONS if reasons is True else reasons):
        return None
    if reason == "FORKS" and reasons is True and request.get("fork") and not _taken(results):
        # Nobody would look at foreign code, and its check would be green.
        return None
    clause = _MEANINGS[reason]
    return "skip", f"skipped: {reason}, {clause.meanings(event) if clause.meanings else clause.meaning}"


def _taken(results: Iterable[Result]) -> bool:
    """Whether a pipeline builds the foreign code of a request, perhaps after an approval: its check stands for it."""
    return any(each.reason not in _TAKES_NO_FOREIGN for each in results)
