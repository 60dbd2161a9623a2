"""Show which events of the last hours a changed declaration would decide otherwise."""

import datetime
import sys
from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from documents.diagnostics import InvalidInput
from documents.files import read_file
from events.delivery import DeliveryError, Refusal
from hookline.answers.arrivals import read_event, subjects
from hookline.answers.impact import Change, Compared, compare
from hookline.answers.incoming import LARGEST_EVENT_BYTES, EventOptions, incoming
from hookline.command_line.bus_options import BusArguments, bus_options, limits, open_bus, parse_since
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_options,
    fail,
    output_option,
    print_data,
    print_line,
)
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.strict import StrictCommand
from hookline.output import plural, table
from hookline.plan.planning import Plan

SHOWN = 1000
"""Changes that are listed: the newest. All are counted."""
FIELDS = 3
"""Fields that the table names."""
SINCE = datetime.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Row:
    """One change, and the event that it is about."""

    where: int | str
    """Its number on the bus, or its file."""
    time: datetime.datetime | None
    event: str
    change: Change


@dataclass(slots=True)
class _Found:
    """Everything that was compared. It holds the newest changes and counts the others."""

    events: int = 0
    unreadable: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Pipeline and effect → how often."""
    rows: deque[_Row] = field(default_factory=lambda: deque(maxlen=SHOWN))

    def add(
        self, where: int | str, time: datetime.datetime | None, compared: Compared, chosen: Collection[str]
    ) -> None:
        """One event; of its changes, those of the chosen pipelines, or all."""
        self.events += 1
        for each in compared.changes:
            if not chosen or each.pipeline in chosen:
                self.counts[each.pipeline, each.effect] += 1
                self.rows.append(_Row(where, time, compared.event, each))


@click.command(
    cls=StrictCommand, excludes={"--events": ["--since", "--context", "--kubeconfig", "--bus-url"]}
)
@declaration_options
@click.option(
    "--against",
    "old_files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="The earlier file or folder of the declaration, mostly the one that is applied; repeatable.",
)
@bus_options
@click.option(
    "--since",
    callback=parse_since,
    metavar="DURATION",
    help="Compare the events that arrived in this time, such as 2h.  [default: 24h]",
)
@click.option(
    "--events",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Compare the events in the files of this folder, each as simulate -e reads it, instead of those on the bus.",
)
@click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    shell_complete=complete_pipeline,
    help="Show only what changes for this pipeline; repeatable.",
)
@output_option
def command(
    declared: DeclarationArguments,
    bus: BusArguments,
    *,
    old_files: tuple[Path, ...],
    since: datetime.timedelta | None,
    folder: Path | None,
    pipelines: tuple[str, ...],
    output: str,
) -> None:
    """Show which events of the last hours a changed declaration would decide otherwise.

    hookline decides each event under the earlier declaration and under this one, by the programs that their Sensors run. It lists an event
    where another Workflow would start, or none any more, and names the fields of the Workflow that differ. It changes nothing.

    The list has the newest 1,000 changes. All of them are counted.

    \b
    Exit codes:
      0   nothing would change
      1   something would change
      2   wrong usage, or a wrong declaration
      3   the cluster or its bus cannot be reached, or you may not do this

    \b
    Examples:
      git show main:hookline.yaml > /tmp/main.yaml && hookline impact --against /tmp/main.yaml
      hookline impact -f new.yaml --against old.yaml --since 2h
      hookline impact --against old.yaml --events deliveries/
    """
    new, old = declared.plan(), replace(declared, files=old_files).plan()
    chosen = set(pipelines)
    for name in pipelines:
        if name not in new.workloads and name not in old.workloads:
            fail(f'neither declaration has a pipeline "{name}"')
    found = _Found()
    if folder is not None:
        _compare_files(old, new, folder, chosen, found)
        about = f"of {folder}"
    else:
        about = _compare_bus(old, new, bus, since or SINCE, chosen, found)
    if output == "table":
        _print(found, by_file=folder is not None)
    else:
        print_data(_data(found), output)
    print_line(f"{_sentence(found)}; {about}", err=True)
    sys.exit(EXIT_NEGATIVE if found.counts else 0)


def _compare_bus(
    old: Plan, new: Plan, bus: BusArguments, since: datetime.timedelta, chosen: Collection[str], into: _Found
) -> str:
    """Compare the events on the bus; words on how far it reaches."""
    asked = tuple(sorted({*subjects(old), *subjects(new)}))
    with open_bus(new, bus) as opened:
        state = opened.reader.state()
        begin = (state.now or datetime.datetime.now(datetime.UTC)) - since
        for message in opened.reader.messages(asked, begin, state.last_sequence):
            try:
                event = read_event(message)
            except DeliveryError:
                into.unreadable += 1
                continue
            into.add(message.sequence, message.time, compare(old, new, event), chosen)
    if state.messages and state.begins > begin:
        print_line(
            f"the bus does not reach back as far as --since asks: only to {state.begins:%Y-%m-%d %H:%M:%S} UTC",
            err=True,
        )
    return limits(state)


def _compare_files(old: Plan, new: Plan, folder: Path, chosen: Collection[str], into: _Found) -> None:
    """Compare the events in the files of a folder, by their names."""
    paths = sorted(each for each in _files(folder) if not each.name.startswith("."))
    if not paths:
        fail(f"{folder}: there is no file in it")
    for path in paths:
        try:
            content = read_file(path, LARGEST_EVENT_BYTES)
            before, after = (incoming(each, str(path), content, EventOptions()) for each in (old, new))
        except InvalidInput as invalid:
            fail(f"{path}: {invalid.diagnostics[0].message}")
        except DeliveryError as error:
            fail(f"{path}: {error}")
        except Refusal as refusal:
            fail(f"{path}: the event source would refuse it: {refusal}")
        into.add(path.name, None, compare(old, new, before, after), chosen)


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from (each for each in folder.iterdir() if each.is_file())
    except OSError as error:
        fail(f"--events {folder}: {error.strerror or error}")


def _print(found: _Found, *, by_file: bool) -> None:
    if not found.counts:
        print_line("nothing changes")
        return
    head = ("FILE",) if by_file else ("NO", "RECEIVED (UTC)")
    rows = [
        (
            str(each.where),
            *(() if each.time is None else (f"{each.time:%Y-%m-%d %H:%M:%S}",)),
            each.event,
            each.change.pipeline,
            each.change.before.text,
            each.change.after.text,
            _what(each.change),
        )
        for each in reversed(found.rows)
    ]
    click.echo(table((*head, "EVENT", "PIPELINE", "BEFORE", "AFTER", "EFFECT"), rows), nl=False)


def _what(change: Change) -> str:
    names = [each.path for each in change.fields]
    if not names:
        return change.effect
    more = f" and {len(names) - FIELDS} more" if len(names) > FIELDS else ""
    return f"{change.effect}: {', '.join(names[:FIELDS])}{more}"


def _sentence(found: _Found) -> str:
    by_effect: Counter[str] = Counter()
    for (_, effect), count in found.counts.items():
        by_effect[effect] += count
    parts = [
        plural(found.events, "event"),
        *([f"{found.unreadable:,} unreadable"] if found.unreadable else []),
        *(f"{effect}: {count:,}" for effect, count in sorted(by_effect.items())),
    ]
    if not by_effect:
        parts.append("nothing changes")
    left_out = by_effect.total() - len(found.rows)
    return ", ".join([*parts, *([f"{left_out:,} older changes are not listed"] if left_out else [])])


def _data(found: _Found) -> dict[str, Any]:
    """The answer as data; the shape is a contract."""
    counts: dict[str, dict[str, int]] = {}
    for (pipeline, effect), count in sorted(found.counts.items()):
        counts.setdefault(pipeline, {})[effect] = count
    return {
        "apiVersion": "hookline.dev/v1",
        "kind": "Impact",
        "events": found.events,
        "unreadable": found.unreadable,
        "counts": counts,
        "items": [_item(each) for each in reversed(found.rows)],
    }


def _item(row: _Row) -> dict[str, Any]:
    place: dict[str, Any] = {"file": row.where}
    if row.time is not None:
        received = row.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        place = {"sequence": row.where, "receivedAt": received}
    change = row.change
    return place | {
        "event": row.event,
        "pipeline": change.pipeline,
        "effect": change.effect,
        "before": {"verdict": change.before.verdict, "reason": change.before.reason or None},
        "after": {"verdict": change.after.verdict, "reason": change.after.reason or None},
        "fields": [{"path": each.path, "before": each.before, "after": each.after} for each in change.fields],
    }
