"""The follower: reads new messages of the bus while this instance leads, and hands each to the duties.

A round asks for the last place of the stream, and reads on from where it was. It keeps no consumer between rounds and acknowledges nothing.
"""

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from apiserver.connection import Connection, Refused, Unreachable
from apiserver.resources import UnknownKind
from bus.address import BusError
from bus.reader import BusReader
from bus.stream import Message
from events.delivery import DeliveryError
from hookline.answers.arrivals import read_event, subjects
from hookline.answers.simulation import simulate
from hookline.bus_access import OpenBus
from hookline.controlling.duties import Arrival, BusDuty, MakeDuty
from hookline.plan.planning import Plan
from runs.controller.duty import Hands

__all__ = ["FAMILIES", "Connect", "Follower", "trouble_of"]

ROUND_SECONDS = 1.0
PAUSE_SECONDS = 5.0
"""After a bus that does not answer."""
LOOK_BACK = datetime.timedelta(hours=1)
"""How old the messages are that are given after a start: what came while no controller was there."""
_log = structlog.get_logger()

FAMILIES = {
    "hookline_controller_bus_up": "Whether the controller reads the bus.",
    "hookline_controller_bus_events_total": "Messages that were read of the bus: handed to the duties, or unreadable.",
    "hookline_controller_bus_duty_errors_total": "Messages and rounds with which a duty failed: an error in hookline.",
}
"""Name → help."""

Connect = Callable[[Connection], AbstractContextManager[OpenBus]]


class Follower:
    """A companion of the controller."""

    name = "bus"

    def __init__(self, plan: Plan, connect: Connect, makers: Sequence[MakeDuty]) -> None:
        """Prepare; nothing is asked yet.

        Args:
            plan: Of the declaration.
            connect: Opens its bus.
            makers: Each makes a duty.
        """
        self._plan, self._connect, self._makers = plan, connect, makers
        self._duties: Sequence[BusDuty] = ()
        self._stream: datetime.datetime | None = None
        """Creation of the stream in which the place is."""
        self._place: int | None = None
        """Sequence number of the last message that was given."""
        self._trouble = ""
        self._up = False
        self._events = {"handed": 0, "unreadable": 0}
        self._errors: dict[str, int] = {}

    def look(self, hands: Hands) -> None:
        """Give the duties what they would be given after a start, and let the time pass for which they wait. Nothing is followed.

        Raises:
            BusError: The bus cannot be read.
            UnknownKind, Refused, Unreachable: The API server cannot be asked.
        """
        self._begin(hands)
        with self._connect(hands.connection) as bus:
            self._round(bus.reader, threading.Event())
        self._looked(time.time() + LOOK_BACK.total_seconds())

    def run(self, hands: Hands, ended: threading.Event) -> None:
        """Follow the bus until `ended`."""
        self._begin(hands)
        try:
            while not ended.is_set():
                try:
                    with self._connect(hands.connection) as bus:
                        self._follow(bus.reader, ended)
                except Exception as error:  # noqa: BLE001 - whatever it is, the reports go on
                    self._say(f"bus: {trouble_of(error)}")
                    ended.wait(PAUSE_SECONDS)
        finally:
            self._up, self._trouble = False, ""

    def warnings(self) -> Sequence[str]:
        """Reason for which the bus is not read now."""
        return [self._trouble] if self._trouble else []

    def metrics(self) -> Iterable[Metric]:
        """The metrics of FAMILIES."""
        up, events, errors = FAMILIES
        yield GaugeMetricFamily(up, FAMILIES[up], value=float(self._up))
        read = CounterMetricFamily(events, FAMILIES[events], labels=["result"])
        for result, count in self._events.items():
            read.add_metric([result], count)
        yield read
        failed = CounterMetricFamily(errors, FAMILIES[errors], labels=["duty"])
        for name, count in self._errors.items():
            failed.add_metric([name], count)
        yield failed

    def _begin(self, hands: Hands) -> None:
        self._duties = [make(self._plan, hands) for make in self._makers]
        self._errors = dict.fromkeys((each.name for each in self._duties), 0)
        self._place = None

    def _follow(self, reader: BusReader, ended: threading.Event) -> None:
        while not ended.is_set():
            self._round(reader, ended)
            self._say("")
            ended.wait(ROUND_SECONDS)

    def _round(self, reader: BusReader, ended: threading.Event) -> None:
        state = reader.state()
        if state.created != self._stream:
            # The servers lost the stream, and another one begins with 1: each of its messages is new.
            self._place = None if self._stream is None else 0
            self._stream = state.created
        begin: int | datetime.datetime
        if self._place is None:
            begin = (state.now or datetime.datetime.now(datetime.UTC)) - LOOK_BACK
        else:
            begin = self._place + 1
        if self._place is None or state.last_sequence > self._place:
            for message in reader.messages(subjects(self._plan), begin, state.last_sequence):
                if ended.is_set():
                    return
                self._hand(message)
                self._place = message.sequence
            self._place = state.last_sequence
        self._looked(time.time())

    def _looked(self, now: float) -> None:
        for duty in self._duties:
            self._safely(duty, lambda duty=duty: duty.looked(now))  # type: ignore[misc]

    def _hand(self, message: Message) -> None:
        try:
            delivery = read_event(message)
            found = simulate(self._plan, delivery)
        except DeliveryError:
            self._events["unreadable"] += 1
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is about this message alone
            self._events["unreadable"] += 1
            _log.exception("an event could not be decided", sequence=message.sequence, error=repr(error))
            return
        self._events["handed"] += 1
        arrival = Arrival(message, delivery, found.event, found.results)
        for duty in self._duties:
            self._safely(duty, lambda duty=duty: duty.arrived(arrival))  # type: ignore[misc]

    def _safely(self, duty: BusDuty, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other duties go on
            self._errors[duty.name] += 1
            _log.exception("a duty failed", duty=duty.name, error=repr(error))

    def _say(self, trouble: str) -> None:
        """Log a trouble once, and its end."""
        if trouble and trouble != self._trouble:
            _log.warning("the bus is not read", trouble=trouble)
        elif self._trouble and not trouble:
            _log.info("the bus is read again")
        self._trouble, self._up = trouble, not trouble


def trouble_of(error: Exception) -> str:
    """A trouble with the bus or the API server, in one line."""
    if isinstance(error, BusError | Refused | Unreachable | UnknownKind):
        return " ".join(str(error).split())[:500]
    return f"an error in hookline: {error!r}"[:500]
