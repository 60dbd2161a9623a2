"""The counting core over a ledger, fed with raw objects, for tests."""

from pathlib import Path
from typing import Any

from api_objects import START, History

from runs.exporter.configuration import Configuration
from runs.exporter.counting import RESOURCES, Change, Counting, parse_log, records
from runs.exporter.family import TEAM
from runs.exporter.kept import KEPT
from runs.exporter.ledger import Ledger
from runs.exporter.measuring_rules import make_rules
from runs.exporter.series import Histogram


class Exporter:
    """The counting core over a ledger, fed with raw objects."""

    def __init__(
        self, path: Path | None = None, crash_point: Any = lambda _: None, **configuration: Any
    ) -> None:
        self.ledger = Ledger(path, START, count_from=START - 1, crash_point=crash_point)
        chosen = Configuration(**configuration)
        self.lines = chosen.log_lines
        rules = make_rules(chosen, self.ledger)
        self.counting = Counting(self.ledger, rules, red_logs=self.lines > 0)
        self.keep = records(chosen.templates)
        self.now = float(START)
        self.logs: dict[str, bytes] = {}

    def give(self, resource: str, kind: str, raw: dict[str, Any]) -> None:
        action: Any = "deleted" if kind == "DELETED" else "changed"
        record = self.keep[resource](raw)
        if record is not None:
            self.apply(Change(resource, action, record))

    def apply(self, *changes: Change, later: float = 0.0) -> None:
        self.now += later
        _, requests = self.counting.apply(changes, self.now)
        while requests:
            answers = []
            for request in requests:
                data = self.logs.get(request.uid)
                log, result = (
                    (None, "gone") if data is None else parse_log(request, data, cut=False, lines=self.lines)
                )
                answers.append(Change("logs", "read", uid=request.uid, log=log, result=result))
            _, requests = self.counting.apply(answers, self.now)

    def sync(self) -> None:
        self.apply(*(Change(each, "synced") for each in RESOURCES))
        self.apply(later=60)

    def play(self, *histories: History) -> "Exporter":
        for each in histories:
            self.logs |= each.logs
            for resource, kind, raw in each.changes():
                self.give(resource, kind, raw)
        self.sync()
        return self

    def totals(self) -> dict[Any, Any]:
        """Every kept series that is not 0."""
        return {
            key: (value.counts, value.sum) if isinstance(value, Histogram) else value
            for key, value in self.ledger.series.values()
            if value != 0
        }

    def value(self, name: str, *labels: str, team: tuple[str, str] = ("ci", "")) -> Any:
        """A series of this namespace and owner, or one of the exporter's own."""
        name = f"hookline_{name}"
        own = KEPT[name].labels[: len(TEAM)] != TEAM
        return self.ledger.series.get(name, labels if own else (*team, *labels))
