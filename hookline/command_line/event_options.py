"""Options that name an event, shared by simulate and explain."""

import datetime
import functools
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from documents.diagnostics import InvalidInput
from documents.files import read_file
from events.delivery import BusEvent, DeliveryError, Refusal
from hookline.answers.incoming import LARGEST_EVENT_BYTES, SCHEDULE, EventOptions, incoming, read_files
from hookline.answers.receiving import file_and_number
from hookline.command_line.bus_options import BusArguments, bus_options
from hookline.command_line.bus_search import message_on_bus
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    fail,
    header_option,
    print_data,
    print_line,
    read_stdin,
)
from hookline.command_line.completing import complete_event, complete_source
from hookline.logs import log
from hookline.plan.planning import Plan

__all__ = ["EventArguments", "event_options", "read_event"]

Command = TypeVar("Command", bound=Callable[..., Any])

BUS = "bus:"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{7,64}")
"""The id that hosts give a delivery (a UUID), or a commit."""

LARGEST_SECRET_BYTES = 1024 * 1024
"""Most bytes that a Kubernetes Secret can hold."""

YEARS = range(1970, 3000)
"""Times outside of these are typing errors; near both ends of Python's calendar no zone can be told."""


@dataclass(frozen=True, slots=True)
class EventArguments:
    """Options that name the event."""

    given: str
    source: str | None
    headers: Mapping[str, str]
    files: Path | None
    secret_file: Path | None
    now: datetime.datetime | None
    bus: BusArguments

    def changed_files(self) -> list[str] | None:
        """The list of --files; None without it."""
        if self.files is None:
            return None
        try:
            return read_files(_read(self.files))
        except DeliveryError as error:
            fail(f"--files {self.files}: {error}")


def parse_time(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> datetime.datetime | None:
    """Callback for a time with zone."""
    if value is None:
        return None
    try:
        time = datetime.datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter("expected a time such as 2026-11-25T02:30:00Z") from error
    if time.year not in YEARS:
        raise click.BadParameter(f"expected a year from {YEARS[0]} to {YEARS[-1]}")
    if time.tzinfo is None:
        raise click.BadParameter("expected a time with its zone, such as 2026-11-25T02:30:00Z or …+08:00")
    return time


def event_options(command: Command) -> Command:
    """-e and what belongs to it; the command gets them as `event`."""

    @click.option(
        "-e",
        "--event",
        "given",
        required=True,
        metavar="EVENT",
        shell_complete=complete_event,
        help="The event: a file, - for stdin, schedule:PIPELINE or schedule:PIPELINE/NAME, or one on the bus of the cluster: bus:NO as hookline "
        "events lists it, or bus: with the id of the delivery or the commit.",
    )
    @click.option(
        "--source",
        shell_complete=complete_source,
        help="Source that receives the event, if EVENT does not say it.",
    )
    @click.option(
        "--header",
        "headers",
        multiple=True,
        callback=header_option,
        metavar="'NAME: VALUE'",
        help="Request header, if EVENT is a bare body; repeatable.",
    )
    @click.option(
        "--files",
        "changed",
        type=click.Path(path_type=Path),
        help="File with the complete list of changed files: one per line, or as a JSON list.",
    )
    @click.option(
        "--secret-file",
        type=click.Path(path_type=Path),
        help="File with the webhook's secret. hookline then checks the signature or token too.",
    )
    @click.option(
        "--now",
        callback=parse_time,
        metavar="TIME",
        help="Time at which the event arrives, or the schedule fires.  [default: now, or the next fire time]",
    )
    @bus_options
    @functools.wraps(command)
    def wrapped(
        bus: BusArguments,
        given: str,
        source: str | None,
        headers: Mapping[str, str],
        changed: Path | None,
        secret_file: Path | None,
        now: datetime.datetime | None,
        **others: Any,
    ) -> Any:
        event = EventArguments(given, source, headers, changed, secret_file, now, bus)
        return command(event=event, **others)

    return wrapped  # type: ignore[return-value]  # click.option keeps the callable's type, functools.wraps does not say so


def read_event(plan: Plan, event: EventArguments, output: str) -> BusEvent:
    """The event on the bus; a refusal by the event source is an answer and ends the command with code 1."""
    try:
        file, number = file_and_number(event.given, Path())
        if (named := on_bus(event.given)) is not None:
            content: bytes | None = message_on_bus(plan, event.bus, named)
        else:
            if event.bus.given:
                fail(
                    f"{event.given} is read without the cluster; leave --context, --kubeconfig and --bus-url out"
                )
            content = None if event.given.startswith(SCHEDULE) else _content(file)
        secret = _read(event.secret_file, LARGEST_SECRET_BYTES) if event.secret_file else None
        options = EventOptions(event.source, event.headers, secret, number, event.now)
        found = incoming(plan, event.given, content, options)
    except DeliveryError as error:
        fail(f"{event.given}: {error}")
    except Refusal as refusal:
        if output not in {"json", "yaml"}:
            what = "no event" if refusal.reason == "SCHEDULE" else "refused"
            sentence = f"{what}   {refusal.reason}   {refusal}; nothing reaches the bus"
            print_line(sentence, err=output == "manifest")
        else:
            answer = {
                "apiVersion": "hookline.dev/v1",
                "kind": "Refusal",
                "reason": refusal.reason,
                "message": str(refusal),
            }
            print_data(answer, output)
        sys.exit(EXIT_NEGATIVE)
    if found.concluded:
        print_line(f"received by {found.event_name}; --source names another source", err=True)
    log("info", "event read", event_source=found.event_source, event_name=found.event_name)
    log("debug", "event data", data=found.data)
    return found


def on_bus(given: str) -> str | None:
    """The number, id or commit by which an event on the bus is named; None if the event is no such one.

    A text that can be an id or a commit, and is no file, is one also without the prefix.
    """
    if given.startswith(BUS):
        return given.removeprefix(BUS)
    return given if _ID.fullmatch(given) and not Path(given).exists() else None


def _content(given: str) -> bytes:
    if given == "-":
        content = read_stdin(LARGEST_EVENT_BYTES)
        if len(content) > LARGEST_EVENT_BYTES:
            raise DeliveryError(
                f"the event has more than {LARGEST_EVENT_BYTES:,} bytes; no larger one is read"
            )
        return content
    return _read(Path(given), LARGEST_EVENT_BYTES)


def _read(path: Path, most: int = LARGEST_EVENT_BYTES) -> bytes:
    """The content of a file; one that cannot be read, or is larger, ends the command."""
    try:
        return read_file(path, most)
    except InvalidInput as invalid:
        fail(f"{path}: {invalid.diagnostics[0].message}")
