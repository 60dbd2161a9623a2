"""Options that name an event, shared by simulate and explain."""

import datetime
import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from events.delivery import BusEvent, DeliveryError, Refusal
from hookline.answers.incoming import SCHEDULE, EventOptions, incoming, read_files
from hookline.command_line.common import EXIT_NEGATIVE, fail, header_option, print_data
from hookline.logs import log
from hookline.plan.planning import Plan

__all__ = ["EventArguments", "event_options", "read_event"]

Command = TypeVar("Command", bound=Callable[..., Any])

LARGEST_EVENT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EventArguments:
    """Options that name the event."""

    given: str
    source: str | None
    headers: Mapping[str, str]
    files: Path | None
    secret_file: Path | None
    now: datetime.datetime | None

    def changed_files(self) -> list[str] | None:
        """The list of --files; None without it."""
        if self.files is None:
            return None
        try:
            return read_files(self.files)
        except (OSError, UnicodeDecodeError, DeliveryError) as error:
            fail(f"--files {self.files}: {getattr(error, 'strerror', None) or error}")


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
        help="The event: a file, - for stdin, or schedule:PIPELINE.",
    )
    @click.option("--source", help="Source that receives the event, if EVENT does not say it.")
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
    @functools.wraps(command)
    def wrapped(
        given: str,
        source: str | None,
        headers: Mapping[str, str],
        changed: Path | None,
        secret_file: Path | None,
        now: datetime.datetime | None,
        **others: Any,
    ) -> Any:
        return command(event=EventArguments(given, source, headers, changed, secret_file, now), **others)

    return wrapped  # type: ignore[return-value]  # click.option keeps the callable's type, functools.wraps does not say so


def read_event(plan: Plan, event: EventArguments, output: str) -> BusEvent:
    """The event on the bus; a refusal by the event source is an answer and ends the command with code 1."""
    try:
        content = None if event.given.startswith(SCHEDULE) else _content(event.given)
        secret = event.secret_file.read_bytes() if event.secret_file else None
        options = EventOptions(event.source, event.headers, secret, event.now)
        found = incoming(plan, event.given, content, options)
    except DeliveryError as error:
        fail(f"{event.given}: {error}")
    except OSError as error:
        fail(f"{error.filename or event.given}: cannot be read: {(error.strerror or str(error)).lower()}")
    except Refusal as refusal:
        if output == "table":
            what = "no event" if refusal.reason == "SCHEDULE" else "refused"
            click.echo(f"{what}   {refusal.reason}   {refusal}; nothing reaches the bus")
        else:
            answer = {
                "apiVersion": "hookline.dev/v1",
                "kind": "Refusal",
                "reason": refusal.reason,
                "message": str(refusal),
            }
            print_data(answer, output)
        sys.exit(EXIT_NEGATIVE)
    log("info", "event read", event_source=found.event_source, event_name=found.event_name)
    log("debug", "event data", data=found.data)
    return found


def _content(given: str) -> bytes:
    if given == "-":
        content = sys.stdin.buffer.read(LARGEST_EVENT_BYTES + 1)
    else:
        with Path(given).open("rb") as file:
            content = file.read(LARGEST_EVENT_BYTES + 1)
    if len(content) > LARGEST_EVENT_BYTES:
        raise DeliveryError(
            f"the file is larger than {LARGEST_EVENT_BYTES:,} bytes, and no host sends so much"
        )
    return content
