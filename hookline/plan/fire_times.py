"""Fire times of schedules for an exporter that has no hookline.yaml: render writes the schedules down, the exporter's pod reads them."""

import datetime
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from documents.blocks import Block
from documents.diagnostics import InvalidInput
from documents.files import read_model
from documents.wanted import Wanted
from events.declaration import Schedule
from hookline.logs import log
from hookline.plan.schedules import FiringSchedule, firing

__all__ = [
    "LabelledSchedule",
    "SchedulesFile",
    "next_fires",
    "read_schedules",
    "schedules_fit",
    "schedules_text",
]

LARGEST = 80_000
"""Bytes of the schedules in a ConfigMap, about 700 of them. kubectl apply keeps a copy of the object in an annotation, of which all
together may have 262,144 bytes (apimachinery pkg/api/validation/objectmeta.go), and the settings need their part."""
WANTED = Wanted(mapping="such as version: 1; hookline render writes this file")


@dataclass(frozen=True, slots=True)
class LabelledSchedule:
    """A schedule with the labels of its runs."""

    labels: tuple[str, str, str]
    """Namespace, owner (empty if there is none) and pipeline."""
    schedule: FiringSchedule


class _Entry(Block):
    namespace: str
    owner: str = ""
    pipeline: str
    fires: Schedule


class _File(Block):
    version: Literal[1]
    schedules: list[_Entry]


def schedules_text(schedules: Iterable[LabelledSchedule]) -> str:
    """Schedules as a file, one a line, spread applied: about 110 bytes each. Empty if there are none."""
    lines = [json.dumps(_entry(each), ensure_ascii=False) for each in schedules]
    return "version: 1\nschedules:\n" + "".join(f"- {line}\n" for line in lines) if lines else ""


def schedules_fit(text: str) -> bool:
    """Whether an exporter's ConfigMap can hold the schedules."""
    return len(text.encode()) <= LARGEST


def _entry(each: LabelledSchedule) -> dict[str, object]:
    namespace, owner, pipeline = each.labels
    found: dict[str, object] = {"namespace": namespace, "owner": owner, "pipeline": pipeline}
    fires: dict[str, object] = {"at": each.schedule.cron.text, "timezone": each.schedule.timezone}
    if each.schedule.declared.except_:
        fires["except"] = list(each.schedule.declared.except_)
    return {key: value for key, value in found.items() if value} | {"fires": fires}


def read_schedules(path: Path) -> list[LabelledSchedule]:
    """The schedules of such a file.

    Raises:
        InvalidInput: With every problem that was found, each with its position.
    """
    return [
        LabelledSchedule((each.namespace, each.owner, each.pipeline), schedule)
        for each in read_model(path, _File, WANTED).schedules
        for schedule in firing(each.pipeline, each.fires)
    ]


def next_fires(schedules: Sequence[LabelledSchedule]) -> Callable[[float], Mapping[tuple[str, ...], float]]:
    """Unix seconds → namespace, owner and pipeline → the coming fire time of its schedules, in Unix seconds."""

    def coming(now: float) -> Mapping[tuple[str, ...], float]:
        after = datetime.datetime.fromtimestamp(now, datetime.UTC)
        found: dict[tuple[str, ...], float] = {}
        for each in schedules:
            if (time := each.schedule.next_fire(after)) is not None:
                found[each.labels] = min(found.get(each.labels, time.timestamp()), time.timestamp())
        return found

    return coming


class SchedulesFile:
    """The coming fire times of a file, which is read again when it changes. A wrong one leaves the last schedules as they are."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            InvalidInput: With every problem that was found.
        """
        self._path = path
        self._stamp = self._changed()
        self._coming = next_fires(read_schedules(path))

    def _changed(self) -> float:
        try:
            return self._path.stat().st_mtime
        except OSError:
            return 0.0

    def coming(self, now: float) -> Mapping[tuple[str, ...], float]:
        """Namespace, owner and pipeline → the coming fire time of its schedules, in Unix seconds."""
        if (stamp := self._changed()) != self._stamp:
            self._stamp = stamp
            try:
                self._coming = next_fires(read_schedules(self._path))
            except InvalidInput as invalid:
                log("warning", "the schedules cannot be read, and stay as they were", problem=str(invalid))
        return self._coming(now)
