"""Explanation: the clauses of one pipeline's decision, each with the line of hookline.yaml that it comes from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from documents.diagnostics import Position
from events.delivery import BusEvent
from hookline.answers.simulation import Result, carriers, result_of, simulate
from hookline.plan.planning import Plan
from sensors.reasons import REASONS

__all__ = ["Clause", "Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause as it was judged."""

    code: str
    result: str
    """ok, FAIL, unknown, or not reached."""
    detail: str
    position: Position | None
    """None for what holds without being written: security rules and defaults."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an event does, or does not, start a pipeline."""

    event: Mapping[str, Any]
    result: Result
    clauses: tuple[Clause, ...]


def _listed(patterns: Any) -> str:
    if isinstance(patterns, list):
        return f"include {', '.join(patterns)}"
    parts = [
        f"{side} {', '.join(globs)}"
        for side in ("include", "exclude")
        if (globs := getattr(patterns, side, None))
    ]
    return "; ".join(parts)


def _pull_request(event: Mapping[str, Any], key: str) -> Any:
    return (event.get("pull_request") or {}).get(key)


def _files(event: Mapping[str, Any]) -> str:
    files = event.get("files") or []
    shown = ", ".join(files[:3]) + (", …" if len(files) > 3 else "")
    complete = "all of them" if event.get("files_complete") else "not all that changed"
    return f"{len(files)} listed ({complete}): {shown}" if files else "no changed file is listed"


_SUBJECTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "EVENT": lambda event: str(event.get("kind")),
    "DELETED": lambda event: "deleted" if event.get("deleted") else "exists",
    "REF": lambda event: str(event.get("branch") or event.get("tag")),
    "COMMIT": lambda event: str(event.get("sha")),
    "BRANCHES": lambda event: str(event.get("branch")),
    "TAGS": lambda event: str(event.get("tag") or (event.get("image") or {}).get("tag")),
    "IMAGE_TAG": lambda event: str(event.get("tag") or (event.get("image") or {}).get("tag")),
    "DIGEST": lambda event: str((event.get("image") or {}).get("digest")),
    "ACTION": lambda event: str(_pull_request(event, "action")),
    "FORKS": lambda event: (
        f"head {_pull_request(event, 'head_repository')}"
        + (", a fork" if _pull_request(event, "fork") else "")
    ),
    "APPROVAL": lambda event: (
        f"added {', '.join(_pull_request(event, 'added_labels'))}"
        if _pull_request(event, "added_labels")
        else "adds no label"
    ),
    "INTO": lambda event: str(_pull_request(event, "base_ref")),
    "DRAFTS": lambda event: "a draft" if _pull_request(event, "draft") else "ready for review",
    "AUTHORS": lambda event: str(event.get("actor")),
    "SKIP_MARKERS": lambda event: str(event.get("message")),
    "PATHS": _files,
}
"""Clause → what the event brings to it."""

_RESULTS: Mapping[bool | None, str] = {True: "ok", False: "FAIL", None: "unknown"}


def explain(plan: Plan, event: BusEvent, pipeline: str, files: Sequence[str] | None = None) -> Explanation:
    """Explain one pipeline's decision about an event.

    The clauses come out of the program that decided; nothing is judged anew here.

    Raises:
        KeyError: There is no such pipeline.
    """
    declared = plan.declaration.pipelines[pipeline]
    simulation = simulate(plan, event, files)
    result = result_of(simulation, plan, event, pipeline)
    dependency = next((each for _, each in carriers(plan, event) if pipeline in each.pipelines), None)
    canonical = dict(simulation.event)
    if files is not None:
        canonical |= {"files": list(files), "files_complete": True}
    clauses: list[Clause] = []
    if dependency is not None and dependency.program is not None:
        decided = False
        for code, outcome in (
            dependency.program.clauses(event.text(), files) if result.reason != "REPOSITORY" else []
        ):
            path, patterns = _written(declared.pipeline.events, str(canonical.get("kind")), code)
            subject = _SUBJECTS[code](canonical) if code in _SUBJECTS else ""
            detail = " ".join(str(subject).split())[:100] + (f"  ({patterns})" if patterns else "")
            clauses.append(
                Clause(
                    code,
                    "not reached" if decided else _RESULTS[outcome],
                    detail if not decided else "",
                    declared.position("events", *path) if path else None,
                )
            )
            decided = decided or outcome is not True
    if not clauses:
        clauses.append(_without_program(plan, result, declared.position("events")))
    return Explanation(canonical, result, tuple(clauses))


def _without_program(plan: Plan, result: Result, position: Position) -> Clause:
    declared = plan.declaration.pipelines[result.pipeline]
    if result.reason == "REPOSITORY":
        return Clause(
            "REPOSITORY",
            "FAIL",
            f"the pipeline's repository is {declared.pipeline.repository.name}",
            declared.position("repository", "name"),
        )
    if result.reason == "SOURCE":
        return Clause("SOURCE", "FAIL", REASONS["SOURCE"], position)
    return Clause(
        "MATCH", "ok", "a schedule's event starts its pipeline", declared.position("events", "schedule", "at")
    )


def _written(events: Any, kind: str, code: str) -> tuple[tuple[str, ...], str]:
    """Where a clause is written in the events block, and the patterns that stand there."""
    declared = getattr(events, kind, None) if kind in type(events).model_fields else None
    if declared is None:
        return (), ""
    if code == "EVENT":
        return (kind,), ""
    if code == "APPROVAL":
        return (kind, "approved_by", "label"), declared.approved_by.label
    key = code.lower()
    value = getattr(declared, key, None)
    if key not in type(declared).model_fields or key not in declared.model_fields_set:
        return (), ""
    return (kind, key), _listed(value) if not isinstance(value, bool | str) else str(value).lower()
