"""Impact: the events that two declarations decide otherwise, and how. Nothing here asks a cluster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from events.canonical import summary
from events.delivery import BusEvent
from hookline.answers.simulation import Result, Simulation, result_of, simulate
from hookline.plan.planning import Plan
from triggers.words import PREFIX

__all__ = ["ABSENT", "Change", "Compared", "Effect", "Field", "Verdict", "compare", "same_event"]

ABSENT = "absent"
"""Verdict of a pipeline that a declaration does not have."""
Effect = Literal["starts", "starts no more", "other Workflow", "other verdict"]
_NAMED_BY = ("name", "key")
"""Keys by which the items of a list are told apart."""
_OF_THE_CONFIGURATION = ("metadata.name", f"metadata.labels[{PREFIX}config]")
"""Fields that follow from the others: digests of the settings are in them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Answer of one declaration to an event, for one pipeline."""

    verdict: str
    """run, skip, unknown, or ABSENT."""
    reason: str
    """Empty if the declaration has no such pipeline."""

    @property
    def text(self) -> str:
        """Both words."""
        return f"{self.verdict} {self.reason}".rstrip()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a Workflow, or of an object beside it, that differs."""

    path: str
    before: Any
    """None if it is not there."""
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One pipeline that does otherwise about one event."""

    pipeline: str
    before: Verdict
    after: Verdict
    effect: Effect
    fields: tuple[Field, ...] = ()
    """Where both start a Workflow: what differs."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Differences of two declarations about one event."""

    event: str
    """One line that names it for a person."""
    changes: tuple[Change, ...]


def same_event(plan: Plan, event: BusEvent) -> BusEvent:
    """The event as the event source of this declaration would put it on the bus: the same, under the name that the event source has here."""
    endpoint = plan.endpoints.get(event.event_name)
    if endpoint is not None:
        return replace(event, event_source=endpoint.event_source)
    if event.event_name in plan.schedules:
        return replace(event, event_source=plan.event_source_of(event.event_name))
    return event


def compare(old: Plan, new: Plan, event: BusEvent, after: BusEvent | None = None) -> Compared:
    """Compare two declarations by what they do about an event.

    A pipeline that starts nothing under either is not listed, whatever the reasons are.

    Args:
        old: The earlier declaration.
        new: The later one.
        event: As it stands on the bus, under `old`.
        after: The same under `new`; None = as `same_event` has it.
    """
    first, second = same_event(old, event), after or same_event(new, event)
    was, will = simulate(old, first), simulate(new, second)
    pipelines = sorted({each.pipeline for each in (*was.results, *will.results)})
    found = (
        _change(_answer(was, old, first, each), _answer(will, new, second, each), each) for each in pipelines
    )
    # A declaration that has no such source reads nothing of it.
    shown = was.event if was.event.get("kind") != "other" else will.event
    words = summary(dict(shown))
    if shown.get("kind") == "schedule":
        words = f"{words}  {event.event_name}"
    return Compared(words, tuple(each for each in found if each is not None))


def _answer(simulation: Simulation, plan: Plan, event: BusEvent, pipeline: str) -> Result | None:
    return result_of(simulation, plan, event, pipeline) if pipeline in plan.workloads else None


def _change(before: Result | None, after: Result | None, pipeline: str) -> Change | None:
    was, will = _verdict(before), _verdict(after)
    first, second = _objects(before), _objects(after)
    fields: tuple[Field, ...] = ()
    if first and second:
        fields = tuple(_differences(first, second))
        if not fields and was.verdict == will.verdict:
            return None
        effect: Effect = "other Workflow" if fields else "other verdict"
    elif first or second:
        effect = "starts" if second else "starts no more"
    elif was.verdict == will.verdict or {was.verdict, will.verdict} == {ABSENT, "skip"}:
        return None
    else:
        effect = "other verdict"
    return Change(pipeline, was, will, effect, fields)


def _verdict(result: Result | None) -> Verdict:
    return Verdict(ABSENT, "") if result is None else Verdict(result.verdict, result.reason)


def _objects(result: Result | None) -> dict[str, Any]:
    """The fields of the Workflow and of what is made beside it, each by its path."""
    if result is None or result.workflow is None:
        return {}
    found = {path: value for path, value in _flat(result.workflow, "") if path not in _OF_THE_CONFIGURATION}
    for each in result.beside:
        found |= {f"{each['kind']}: {path}": value for path, value in _flat(each, "")}
    return found


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Field]:
    for path in sorted(before.keys() | after.keys()):
        was, will = before.get(path), after.get(path)
        if was != will:
            yield Field(path, was, will)


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values of an object with their paths: a.b, a[NAME] for an item that has a name, a[0] for another one."""
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            # Labels and annotations have dots in their names.
            part = f"[{key}]" if "." in key or "/" in key else f".{key}"
            yield from _flat(each, f"{path}{part}".removeprefix("."))
    elif isinstance(value, list) and value:
        names = [_name(each) for each in value]
        told = None not in names and len(set(names)) == len(names)
        for number, each in enumerate(value):
            yield from _flat(each, f"{path}[{names[number] if told else number}]")
    else:
        yield path, value


def _name(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((str(item[each]) for each in _NAMED_BY if each in item), None)
