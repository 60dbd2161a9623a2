"""The search for one event on the bus, by the words that a person has: a number, an id or a commit."""

from typing import TYPE_CHECKING

from bus.stream import Message, StreamState, windows
from events.delivery import DeliveryError
from hookline.answers.arrivals import is_meant, subjects
from hookline.command_line.bus_options import BusArguments, limits, open_bus
from hookline.command_line.common import print_line
from hookline.plan.planning import Plan

if TYPE_CHECKING:
    from bus.reader import BusReader

__all__ = ["message_on_bus"]

WINDOW = 1_000
"""Messages that are looked at first; the newest is the likeliest."""


def message_on_bus(plan: Plan, arguments: BusArguments, named: str) -> bytes:
    """The message that somebody names, as it stands on the bus: the newest, if several are meant.

    Args:
        plan: Of the declaration.
        arguments: The way to the bus.
        named: Its number in the stream, the id of its delivery or of the event, or the commit.

    Raises:
        DeliveryError: The bus has none.
    """
    with open_bus(plan, arguments) as opened:
        state = opened.reader.state()
        found = _numbered(opened.reader, state, named) or _newest(plan, opened.reader, state, named)
        if found is None:
            raise DeliveryError(f"no event of the bus has this number, id or commit; {limits(state)}")
        print_line(
            f"event {found.sequence} of the bus, received {found.time:%Y-%m-%d %H:%M:%S} UTC", err=True
        )
        return found.data


def _numbered(reader: "BusReader", state: StreamState, named: str) -> Message | None:
    # A number as it is listed: a commit may begin with zeros.
    if not (named.isascii() and named.isdigit() and len(named) < 20 and str(int(named)) == named):
        return None
    if int(named) > state.last_sequence:
        return None
    return next(reader.messages((), int(named), int(named)), None)


def _newest(plan: Plan, reader: "BusReader", state: StreamState, named: str) -> Message | None:
    for first, last in windows(state.first_sequence, state.last_sequence, WINDOW):
        found = None
        for message in reader.messages(subjects(plan), first, last):
            if is_meant(plan, message, named):
                found = message
        if found is not None:
            return found
    return None
