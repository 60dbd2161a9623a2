"""Healing the bus: looks at its servers as doctor does, and does the next step of the cure."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from apiserver.connection import Refused
from apiserver.resources import Resources
from hookline.controlling.cures import Cure, all_sensors_ready, next_cure
from hookline.controlling.follower import trouble_of
from hookline.doctor.collecting import bus_facts
from hookline.doctor.facts import Facts
from hookline.doctor.hops import CHECKS
from hookline.plan.objects import sensor_object
from hookline.plan.planning import Plan
from runs.controller.duty import Hands

__all__ = ["CHECKED", "FAMILIES", "Healing"]

LOOK_SECONDS = 15.0
"""From the begin of a look to that of the next one; a look takes 5 s."""
CONFIRMED = 2
"""Looks in a row that must find the same before anything is restarted."""
CONFIRMED_STARTING = 8
"""The same while a Sensor is not ready: it may mend it by itself."""
REST_SECONDS = 90.0
"""After a step: a server joins its group within half a minute, and a Sensor subscribes within a minute."""
CHECKED = ("event-bus", "bus-group", "lost-stream")
"""Doctor's checks that are made."""
API = "argoproj.io/v1alpha1"
_log = structlog.get_logger()

FAMILIES = {
    "hookline_controller_bus_broken": "Whether a check of the bus found it broken at the last look (hookline docs doctor).",
    "hookline_controller_bus_cures_total": "Steps of the cure: server, a server of the bus was restarted; sensors, Sensors were. failed: the API "
    "server refused, or did not answer.",
    "hookline_controller_bus_last_look_timestamp_seconds": "When the servers of the bus were last looked at; 0 before the first time.",
}
"""Name → help."""


class Healing:
    """A companion of the controller."""

    name = "heal-bus"

    def __init__(self, plan: Plan) -> None:
        """Prepare; nothing is asked yet."""
        self._plan = plan
        self._sensors = [sensor_object(plan, each) for each in plan.sensors]
        self._warnings: tuple[str, ...] = ()
        self._refusal = ""
        """Why the last step could not be done."""
        self._broken = dict.fromkeys(CHECKED, 0)
        self._cures: Counter[tuple[str, str]] = Counter(
            {(step, result): 0 for step in ("server", "sensors") for result in ("done", "failed")}
        )
        self._last_look = 0.0
        self._due: Cure | None = None
        self._times = 0
        """How many looks in a row found that it is due."""
        self._rests_until = 0.0

    def run(self, hands: Hands, ended: threading.Event) -> None:
        """Look, and heal, until `ended`."""
        self._due, self._times, self._rests_until = None, 0, 0.0
        try:
            while not ended.is_set():
                begin = time.monotonic()
                try:
                    facts = bus_facts(self._plan, self._sensors, hands.connection)
                    self._look(facts, Resources(hands.connection))
                except Exception as error:  # noqa: BLE001 - whatever it is, the next look tries again
                    self._say((f"heal_bus: {trouble_of(error)}",))
                ended.wait(max(0.0, LOOK_SECONDS - (time.monotonic() - begin)))
        finally:
            self._warnings, self._refusal = (), ""
            self._broken = dict.fromkeys(CHECKED, 0)

    def warnings(self) -> Sequence[str]:
        """Everything that is broken or cannot be asked."""
        return [*self._warnings, *([self._refusal] if self._refusal else [])]

    def metrics(self) -> Iterable[Metric]:
        """The metrics of FAMILIES."""
        broken, cures, look = FAMILIES
        found = GaugeMetricFamily(broken, FAMILIES[broken], labels=["check"])
        for check, value in self._broken.items():
            found.add_metric([check], value)
        yield found
        steps = CounterMetricFamily(cures, FAMILIES[cures], labels=["step", "result"])
        for (step, result), count in self._cures.items():
            steps.add_metric([step, result], count)
        yield steps
        yield GaugeMetricFamily(look, FAMILIES[look], value=self._last_look)

    def _look(self, facts: Facts, resources: Resources) -> None:
        found = {name: list(CHECKS[name][1](self._plan, facts)) for name in CHECKED}
        self._broken = {
            name: int(any(each.state == "broken" for each in several)) for name, several in found.items()
        }
        self._last_look = time.time()
        bad = [
            each for several in found.values() for each in several if each.state in ("broken", "not checked")
        ]
        # One reason may keep several checks from looking.
        self._say(tuple(dict.fromkeys(f"bus: {each.says}" for each in bad)))
        due = next_cure(self._plan, facts)
        self._times = self._times + 1 if due == self._due else 1
        self._due = due
        if due is None:
            self._refusal = ""
            return
        wanted = CONFIRMED if due.step == "server" or all_sensors_ready(facts) else CONFIRMED_STARTING
        if self._times >= wanted and time.monotonic() >= self._rests_until:
            self._heal(due, resources)

    def _heal(self, cure: Cure, resources: Resources) -> None:
        self._rests_until = time.monotonic() + REST_SECONDS
        try:
            pods = list(cure.names if cure.step == "server" else self._sensor_pods(cure.names, resources))
            for pod in pods:
                resources.delete("v1", "Pod", self._plan.namespace, pod)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and tried again
            self._cures[cure.step, "failed"] += 1
            right = " (it needs the right to list and delete pods)" if _forbidden(error) else ""
            refusal = f"heal_bus: the bus is not mended: {trouble_of(error)}{right}"
            if refusal != self._refusal:
                _log.error("the bus is not mended", step=cure.step, trouble=trouble_of(error))
            self._refusal = refusal
            return
        self._refusal = ""
        self._cures[cure.step, "done"] += 1
        _log.warning(
            "the bus is mended: pods are restarted", step=cure.step, namespace=self._plan.namespace, pods=pods
        )

    def _sensor_pods(self, names: Sequence[str], resources: Resources) -> Iterator[str]:
        """Pods of these Sensors; of none, those of every Sensor of the bus, also of Sensors that hookline did not make."""
        namespace, bus = self._plan.namespace, self._plan.declaration.cluster.event_bus.name
        chosen = set(names) or {
            each["metadata"]["name"]
            for each in resources.all_of(API, "Sensor", namespace)
            if (each["spec"].get("eventBusName") or "default") == bus
        }
        for pod in resources.all_of("v1", "Pod", namespace, "sensor-name"):
            if pod["metadata"]["labels"]["sensor-name"] in chosen:
                yield pod["metadata"]["name"]

    def _say(self, warnings: tuple[str, ...]) -> None:
        """Log a trouble once, and its end."""
        if warnings and warnings != self._warnings:
            _log.warning("the bus is not well", troubles=list(warnings))
        elif self._warnings and not warnings:
            _log.info("the bus is well again")
        self._warnings = warnings


def _forbidden(error: Exception) -> bool:
    return isinstance(error, Refused) and error.status == 403
