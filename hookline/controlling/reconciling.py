"""Bringing back lost runs, round after round: what `hookline reconcile` does once."""

import datetime
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from apiserver.connection import Connection
from hookline.bus_access import OpenBus
from hookline.controlling.follower import Connect, trouble_of
from hookline.declaration.bus_duties import Reconcile
from hookline.plan.planning import Plan
from hookline.reconciling.asking import Memory
from hookline.reconciling.decisions import MEANINGS, Due
from hookline.reconciling.reconciler import Changed, Examined, Made, Reconciler
from runs.controller.duty import Hands

__all__ = ["FAMILIES", "Reconciling"]

ROUND_SECONDS = 60.0
"""From the begin of a round to that of the next one."""
_log = structlog.get_logger()

FAMILIES = {
    "hookline_controller_reconcile_rounds_total": "Rounds in which lost runs were looked for: done; failed, where bus or API server could not be "
    "asked; changed, where the Sensors were changed meanwhile.",
    "hookline_controller_reconcile_runs_total": "Lost runs: created; existing, where somebody else was faster; refused by the API server, once "
    "each round.",
    "hookline_controller_reconcile_judged": "Runs of the last round by the judgement on them (hookline docs reconcile).",
    "hookline_controller_reconcile_last_round_timestamp_seconds": "End of the last round that was done; 0 before the first.",
    "hookline_controller_reconcile_round_seconds": "Duration of the last round.",
}
"""Name → help."""


class Reconciling:
    """A companion of the controller."""

    name = "reconcile"

    def __init__(self, plan: Plan, connect: Connect, settings: Reconcile) -> None:
        """Prepare; nothing is asked yet.

        Args:
            plan: Of the declaration.
            connect: Opens its bus.
            settings: Of hookline.yaml.
        """
        self._plan, self._connect, self._settings = plan, connect, settings
        self._memory = Memory()
        self._trouble = ""
        self._refused: dict[tuple[str, str], str] = {}
        """Namespace and name of runs that the API server refused in the last round → its words."""
        self._rounds = Counter({"done": 0, "failed": 0, "changed": 0})
        self._runs = Counter({"created": 0, "existing": 0, "refused": 0})
        self._judged: dict[str, int] = dict.fromkeys(MEANINGS, 0)
        self._ended, self._seconds = 0.0, 0.0

    def run(self, hands: Hands, ended: threading.Event) -> None:
        """Bring back lost runs until `ended`."""
        try:
            while not ended.is_set():
                begin = time.monotonic()
                try:
                    with self._connect(hands.connection) as bus:
                        self._round(bus, ended)
                    self._say("")
                except Exception as error:  # noqa: BLE001 - whatever it is, the next round tries again
                    self._rounds["failed"] += 1
                    self._say(f"reconcile: {trouble_of(error)}")
                self._seconds = time.monotonic() - begin
                ended.wait(max(0.0, ROUND_SECONDS - self._seconds))
        finally:
            self._trouble = ""
            self._refused = {}

    def due(self, connection: Connection) -> list[Due]:
        """The lost runs that a round would create now. Nothing is created.

        Raises:
            BusError: The bus cannot be read.
            UnknownKind, Refused, Unreachable: The API server cannot be asked.
        """
        with self._connect(connection) as bus:
            _, examined = self._examined(bus)
        return [each.due for each in examined.findings if each.code == "LOST"]

    def warnings(self) -> Sequence[str]:
        """Reason for which lost runs are not brought back now."""
        refused = self._refused
        found = [self._trouble] if self._trouble else []
        if refused:
            (namespace, run), words = next(iter(refused.items()))
            found.append(
                f"reconcile: {len(refused)} lost runs are refused, such as {namespace}/{run}: {words}"
            )
        return found

    def metrics(self) -> Iterable[Metric]:
        """The metrics of FAMILIES."""
        rounds, runs, judged, last, seconds = FAMILIES
        for name, label, counts in ((rounds, "result", self._rounds), (runs, "result", self._runs)):
            counter = CounterMetricFamily(name, FAMILIES[name], labels=[label])
            for value, count in counts.items():
                counter.add_metric([value], count)
            yield counter
        by_reason = GaugeMetricFamily(judged, FAMILIES[judged], labels=["reason"])
        for reason, count in self._judged.items():
            by_reason.add_metric([reason], count)
        yield by_reason
        yield GaugeMetricFamily(last, FAMILIES[last], value=self._ended)
        yield GaugeMetricFamily(seconds, FAMILIES[seconds], value=self._seconds)

    def _round(self, bus: OpenBus, ended: threading.Event) -> None:
        reconciler, examined = self._examined(bus)
        refused: dict[tuple[str, str], str] = {}
        try:
            for made in reconciler.create(examined):
                self._made(made, refused)
                if ended.is_set():
                    return
        except Changed:
            self._rounds["changed"] += 1
            return
        self._refused = refused
        found = Counter(each.code for each in examined.findings)
        self._judged = {code: found[code] for code in MEANINGS}
        self._rounds["done"] += 1
        self._ended = time.time()

    def _examined(self, bus: OpenBus) -> tuple[Reconciler, Examined]:
        settings = self._settings
        reconciler = Reconciler(self._plan, bus.reader, bus.connection, bus.resources, self._memory)
        examined = reconciler.examine(
            datetime.timedelta(seconds=settings.since_seconds),
            datetime.timedelta(seconds=settings.grace_seconds),
            skip_superseded=settings.skip_superseded,
        )
        return reconciler, examined

    def _made(self, made: Made, refused: dict[tuple[str, str], str]) -> None:
        due = made.finding.due
        sequence, received = due.deliveries[0]
        facts = {
            "namespace": due.namespace,
            "workflow": due.name,
            "pipeline": due.pipeline,
            "sequence": sequence,
            "received": received.isoformat(timespec="seconds"),
        }
        if made.refused:
            self._runs["refused"] += 1
            key = due.namespace, due.name
            refused[key] = made.refused
            if self._refused.get(key) != made.refused:
                _log.error("a lost run is refused", **facts, reason=made.refused)
        elif made.created:
            self._runs["created"] += 1
            _log.warning("a lost run is created", **facts)
        else:
            self._runs["existing"] += 1

    def _say(self, trouble: str) -> None:
        """Log a trouble once, and its end."""
        if trouble and trouble != self._trouble:
            _log.warning("lost runs cannot be looked for", trouble=trouble)
        elif self._trouble and not trouble:
            _log.info("lost runs are looked for again")
        self._trouble = trouble
