"""Explanation: the clauses of one pipeline's decision, each with the line of hookline.yaml that it comes from."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from documents.diagnostics import Position
from events.declaration import Approval
from events.delivery import BusEvent
from hookline.answers.simulation import Result, carriers, result_of, simulate
from hookline.declaration.loading import DeclaredPipeline
from hookline.plan.planning import Plan
from sensors.clauses import CLAUSES, Clause
from sensors.reasons import REASONS

__all__ = ["Explanation", "Judgement", "explain"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One clause as it was judged."""

    code: str
    result: str
    """ok, FAIL, unknown, in the run (its first step decides), or not reached."""
    detail: str
    position: Position | None
    """None for what holds without being written: security rules and defaults."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """A setting that the pipeline has from a default or a pattern."""

    setting: str
    value: str
    position: Position


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of why an event does, or does not, start a pipeline."""

    event: Mapping[str, Any]
    result: Result
    clauses: tuple[Judgement, ...]
    inherited: tuple[Inherited, ...]
    """Settings of the run; those that choose events stand in the clauses."""


_OF_RUNS = {"image", "publish", "parameters"}


def _listed(patterns: Any) -> str:
    if isinstance(patterns, list):
        return f"include {', '.join(patterns)}"
    parts = [
        f"{side} {', '.join(globs)}"
        for side in ("include", "exclude")
        if (globs := getattr(patterns, side, None))
    ]
    return "; ".join(parts)


_CLAUSES: Mapping[str, Clause] = {clause.code: clause for clause in CLAUSES}

_RESULTS: Mapping[bool | None, str] = {True: "ok", False: "FAIL", None: "unknown"}


def explain(plan: Plan, event: BusEvent, pipeline: str, files: Sequence[str] | None = None) -> Explanation:
    """Explain one pipeline's decision about an event.

    The clauses come out of the program that decided; nothing is judged anew here.

    Raises:
        KeyError: There is no such pipeline.
        DeliveryError: There are files, and no path filter can look at an event of this kind.
    """
    declared = plan.declaration.pipelines[pipeline]
    simulation = simulate(plan, event, files)
    result = result_of(simulation, plan, event, pipeline)
    dependency = next((each for _, each in carriers(plan, event) if pipeline in each.pipelines), None)
    canonical = dict(simulation.event)
    if dependency is not None and dependency.program is not None:
        canonical = dependency.program.used_by(pipeline, event.text())
    if files is not None:
        canonical |= {"files": list(files), "files_complete": True}
    clauses: list[Judgement] = []
    if dependency is not None and dependency.program is not None:
        decided = False
        for code, outcome in (
            dependency.program.clauses(event.text(), files, pipeline)
            if result.reason not in {"REPOSITORY", "ANOTHER_PUSH"}
            else []
        ):
            clause = _CLAUSES[code]
            path, patterns = _written(declared.pipeline.events, str(canonical.get("kind")), clause)
            detail = " ".join(clause.subject(canonical).split())[:100] + (
                f"  ({patterns})" if patterns else ""
            )
            position = declared.position("events", *path) if path else None
            if code == "SUSPENDED":
                detail = _suspension(declared, suspended=outcome is not True)
                position = declared.position("suspended") if declared.pipeline.suspended else None
            clauses.append(
                Judgement(
                    code,
                    "not reached" if decided else _judged(outcome, result),
                    detail if not decided else "",
                    position,
                )
            )
            decided = decided or outcome is not True
    if not clauses:
        clauses.append(_without_program(plan, result, declared.position("events")))
    kind = str(canonical.get("kind"))
    return Explanation(canonical, result, tuple(clauses), tuple(_inherited(declared, kind)))


def _judged(outcome: bool | None, result: Result) -> str:
    return "in the run" if outcome is None and result.verdict == "run" else _RESULTS[outcome]


def _inherited(declared: DeclaredPipeline, kind: str) -> Iterator[Inherited]:
    """The inherited settings of a run that an event of a kind starts."""
    for path, value in declared.inherited():
        if path[0] != "events" or (path[1:2] == (kind,) and set(path[2:3]) & _OF_RUNS):
            text = value if isinstance(value, str) else json.dumps(value)
            yield Inherited(".".join(path), text, declared.position(*path))


def _without_program(plan: Plan, result: Result, position: Position) -> Judgement:
    declared = plan.declaration.pipelines[result.pipeline]
    if result.reason == "REPOSITORY":
        return Judgement(
            "REPOSITORY",
            "FAIL",
            f"the pipeline's repository is {declared.pipeline.repository.name}",
            declared.position("repository", "name"),
        )
    if result.reason in {"SOURCE", "ANOTHER_PUSH"}:
        return Judgement(result.reason, "FAIL", REASONS[result.reason], position)
    if result.reason == "SUSPENDED":
        return Judgement(
            "SUSPENDED", "FAIL", _suspension(declared, suspended=True), declared.position("suspended")
        )
    fires = "a CronWorkflow" if result.cron_workflow is not None else "a schedule's event"
    return Judgement(
        "MATCH", "ok", f"{fires} starts its pipeline", declared.position("events", "schedule", "at")
    )


def _suspension(declared: DeclaredPipeline, *, suspended: bool) -> str:
    """The words on whether a pipeline is suspended, why, and until when."""
    found = declared.pipeline.suspended
    if found is None:
        return "not suspended"
    if not suspended:
        return f"no longer suspended since {found.until}"
    return found.because + (f"; until {found.until}" if found.until is not None else "")


def _written(events: Any, kind: str, clause: Clause) -> tuple[tuple[str, ...], str]:
    """Position of a clause in the events block, and the patterns that are written there."""
    declared = getattr(events, kind, None) if kind in type(events).model_fields else None
    if declared is None:
        return (), ""
    if clause.code == "EVENT":
        return (kind,), ""
    name = next((field for each, field in clause.filters.items() if each == kind), None)
    if name is None or name not in declared.model_fields_set:
        return (), ""
    value = getattr(declared, name)
    if isinstance(value, Approval):
        return (kind, name, "label"), value.label
    return (kind, name), _listed(value) if not isinstance(value, bool | str) else str(value).lower()
