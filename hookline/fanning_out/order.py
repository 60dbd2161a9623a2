"""The order of a fan-out, as its Workflow carries it. Pure."""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sensors.fan_out import OrderError, Pace, is_fan_out, pace_of, runs_of
from triggers.words import FAN_OUT_RUNS_LABEL, PREFIX

__all__ = [
    "FanOut",
    "Identity",
    "Run",
    "UnreadableOrder",
    "identity_of",
    "left_to",
    "read_fan_out",
]

_MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
"""Whoever may create a Workflow chooses its content."""
_UNKNOWN_TIME = datetime.datetime.min.replace(tzinfo=datetime.UTC)


class UnreadableOrder(Exception):
    """A Workflow is no fan-out whose order can be read; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an order."""

    namespace: str
    name: str
    pipeline: str
    reference: str
    """Of an image: its name and tag."""
    manifest: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def place(self) -> str:
        """`namespace/name`, which no other run has."""
        return f"{self.namespace}/{self.name}"

    @property
    def builds(self) -> tuple[str, str, str]:
        """Pipeline, namespace and reference: the same for every event that starts it anew."""
        return self.pipeline, self.namespace, self.reference


@dataclass(frozen=True, slots=True)
class Identity:
    """The event of a fan-out, and its age among others; the metadata says both."""

    namespace: str
    name: str
    event: str
    kind: str
    source: str
    age: tuple[datetime.datetime, datetime.datetime, str]
    """Time of the event, of the Workflow, and its name: no two have the same, so of several one is the newest."""
    created: datetime.datetime

    def is_newer_than(self, other: "Identity") -> bool:
        """Whether it is about another, newer event."""
        return self.event != other.event and self.age > other.age


@dataclass(frozen=True, slots=True)
class FanOut:
    """A fan-out and what it is to start."""

    identity: Identity
    runs: tuple[Run, ...]
    pace: Pace


def identity_of(workflow: Mapping[str, Any]) -> Identity:
    """The identity of a fan-out, from its metadata.

    Raises:
        UnreadableOrder: It has no name or no time, so it is not from an API server.
    """
    try:
        metadata = workflow["metadata"]
        name, created = str(metadata["name"]), datetime.datetime.fromisoformat(metadata["creationTimestamp"])
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        return Identity(
            namespace=str(metadata["namespace"]),
            name=name,
            event=str(labels.get(f"{PREFIX}event", "")),
            kind=str(labels.get(f"{PREFIX}event-kind", "")),
            source=str(labels.get(f"{PREFIX}source", "")),
            age=(_time(annotations.get(f"{PREFIX}event-time")), created, name),
            created=created,
        )
    except _MALFORMED as error:
        raise UnreadableOrder(f"its metadata cannot be read ({type(error).__name__}: {error})") from error


def read_fan_out(workflow: Mapping[str, Any]) -> FanOut:
    """A fan-out, as the API server has it.

    Raises:
        UnreadableOrder: The Workflow is no fan-out, or its order has another form.
    """
    identity = identity_of(workflow)
    if not is_fan_out(workflow):
        raise UnreadableOrder(f"it has no label {FAN_OUT_RUNS_LABEL}, so it is no fan-out")
    try:
        pace = pace_of(workflow)
        if pace.at_once < 1 or pace.every < 0 or pace.quiet < 0:
            raise ValueError(f"nobody can keep {pace}")
        runs = {run.place: run for run in map(_run, runs_of(workflow))}
    except OrderError as error:
        raise UnreadableOrder(str(error)) from error
    except _MALFORMED as error:
        raise UnreadableOrder(f"its order cannot be read ({type(error).__name__}: {error})") from error
    return FanOut(identity, tuple(runs.values()), pace)


def left_to(runs: Iterable[Run], newer: Mapping[str, frozenset[tuple[str, str, str]]]) -> dict[Run, str]:
    """The runs that newer fan-outs start as well → the fan-out that does.

    One delivery may tell of several tags, so runs are compared, not fan-outs.

    Args:
        runs: That were not started yet.
        newer: Name of a newer fan-out → `builds` of its runs.
    """
    found = {}
    for run in runs:
        by = next((name for name, builds in newer.items() if run.builds in builds), None)
        if by is not None and run.reference:
            found[run] = by
    return found


def _run(manifest: Mapping[str, Any]) -> Run:
    if (manifest["apiVersion"], manifest["kind"]) != ("argoproj.io/v1alpha1", "Workflow"):
        raise ValueError("it asks for something else than a Workflow")
    # A manifest that cannot be sent would be tried for ever.
    orjson.dumps(manifest)
    metadata = manifest["metadata"]
    return Run(
        namespace=_text(metadata["namespace"]),
        name=_text(metadata["name"]),
        pipeline=_text(metadata["labels"][f"{PREFIX}pipeline"]),
        reference=str((metadata.get("annotations") or {}).get(f"{PREFIX}ref", "")),
        manifest=manifest,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a name, not {value!r}")
    return value


def _time(value: object) -> datetime.datetime:
    """A time that says its zone; for anything else a very early one, which makes no other fan-out old."""
    try:
        time = datetime.datetime.fromisoformat(str(value))
    except ValueError:
        return _UNKNOWN_TIME
    return _UNKNOWN_TIME if time.tzinfo is None else time
