"""List the events on the bus of a cluster, with what each started and why."""

import datetime
import json
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from bus.stream import StreamState, windows
from hookline.answers.arrivals import Arrival, arrival, only, subjects
from hookline.command_line.bus_options import (
    BusArguments,
    bus_options,
    limits,
    open_bus,
    parse_since,
)
from hookline.command_line.common import (
    DeclarationArguments,
    declaration_arguments,
    fail,
    output_option,
    print_data,
    print_line,
)
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.strict import StrictCommand
from hookline.output import table
from hookline.plan.planning import Plan
from runs.existing import Existing, existing_runs

if TYPE_CHECKING:
    from bus.stream import Message
    from hookline.bus_access import OpenBus

LAST = 50
"""Events that are shown if nothing says how many."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are shown."""

    since: datetime.timedelta | None
    last: int | None
    pipelines: Collection[str]
    repositories: Collection[str]

    def of(self, plan: Plan, message: "Message") -> Arrival | None:
        """The part of a message that is shown."""
        return only(arrival(plan, message), self.pipelines, self.repositories)


@click.command(cls=StrictCommand)
@declaration_arguments
@bus_options
@click.option(
    "--since",
    callback=parse_since,
    metavar="DURATION",
    help="Show what arrived in this time, such as 30m or 2h.",
)
@click.option(
    "--last",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help=f"Show this many events at most.  [default: {LAST}; with --since all]",
)
@click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    shell_complete=complete_pipeline,
    help="Show only events that are about this pipeline; repeatable.",
)
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="OWNER/NAME",
    help="Show only events of this repository or image; repeatable.",
)
@click.option(
    "--follow", is_flag=True, help="Continue with what arrives, until Ctrl-C; the newest event is last."
)
@output_option
def command(
    declared: DeclarationArguments,
    bus: BusArguments,
    *,
    since: datetime.timedelta | None,
    last: int | None,
    pipelines: tuple[str, ...],
    repositories: tuple[str, ...],
    follow: bool,
    output: str,
) -> None:
    """List the events on the bus of a cluster, the newest first: the verdict for each pipeline, the reason and the run.

    FILE is a file or folder of the declaration, as with -f. The verdict is that of this declaration, by the program that the Sensor runs. The
    column WORKFLOW says whether the run exists, under whatever configuration, and its phase. NO names the event for explain -e bus:NO.

    The bus forgets old events. The last line says how far back it reaches.

    \b
    Exit codes:
      0   the events were listed, if there are any
      2   wrong usage, or a wrong declaration
      3   the cluster or its bus cannot be reached, or you may not do this

    \b
    Examples:
      hookline events
      hookline events --since 2h --pipeline shop
      hookline events --follow --context prod
    """
    plan = declared.plan()
    for name in pipelines:
        if name not in plan.workloads:
            fail(f'there is no pipeline "{name}"; pipelines: {", ".join(list(plan.workloads)[:20])}')
    wanted = Wanted(since, last, frozenset(pipelines), frozenset(each.lower() for each in repositories))
    with open_bus(plan, bus) as opened:
        state = opened.reader.state()
        found = _arrived(plan, opened, state, wanted)
        runs = existing_runs(opened.resources, plan.namespaces)
        if follow:
            _follow(plan, opened, state, wanted, found, runs, output)
            return
    found.reverse()
    if output == "table":
        _print(plan, found, runs)
        print_line(limits(state), err=True)
    else:
        items = [_data(each, runs) for each in found]
        print_data(
            {"apiVersion": "hookline.dev/v1", "kind": "Events", "bus": _bus_data(state), "items": items},
            output,
        )
    if since is not None and state.messages and state.begins > (state.now or state.last_time) - since:
        print_line(
            f"the bus does not reach back as far as --since asks: only to {_text(state.begins)} UTC", err=True
        )


def _arrived(plan: Plan, opened: "OpenBus", state: StreamState, wanted: Wanted) -> list[Arrival]:
    """The chosen events of the bus, the oldest first."""
    asked = subjects(plan)
    if wanted.since is not None:
        begin = (state.now or datetime.datetime.now(datetime.UTC)) - wanted.since
        messages = opened.reader.messages(asked, begin, state.last_sequence)
        read = (wanted.of(plan, each) for each in messages)
        return list(deque((each for each in read if each), wanted.last))
    most, found = wanted.last or LAST, list[Arrival]()
    for first, last in windows(state.first_sequence, state.last_sequence, most):
        # The newest of the window, and what was found in newer ones.
        read = (wanted.of(plan, each) for each in opened.reader.messages(asked, first, last))
        found = [*deque((each for each in read if each), most - len(found)), *found]
        if len(found) == most:
            break
    return found


def _follow(
    plan: Plan,
    opened: "OpenBus",
    state: StreamState,
    wanted: Wanted,
    found: Iterable[Arrival],
    runs: Mapping[tuple[str, str], Existing],
    output: str,
) -> None:
    """Print what was found, then what comes: one event at a time."""
    for each in found:
        _print_one(plan, each, runs, output)
    for message in opened.reader.follow(subjects(plan), state.last_sequence):
        if message is not None and (shown := wanted.of(plan, message)) is not None:
            _print_one(plan, shown, {}, output)


def _print_one(plan: Plan, each: Arrival, runs: Mapping[tuple[str, str], Existing], output: str) -> None:
    if output == "table":
        for row in _rows(plan, each, runs):
            print_line("   ".join(row).rstrip())
    elif output == "json":
        click.echo(json.dumps(_data(each, runs), default=dict))
    else:
        click.echo("---")
        print_data(_data(each, runs), output)


def _print(plan: Plan, found: Collection[Arrival], runs: Mapping[tuple[str, str], Existing]) -> None:
    if not found:
        print_line("no such event is on the bus")
        return
    head = ("NO", "RECEIVED (UTC)", "EVENT", "PIPELINE", "VERDICT", "REASON", "RUN", "WORKFLOW")
    click.echo(table(head, (row for each in found for row in _rows(plan, each, runs))), nl=False)


def _rows(plan: Plan, each: Arrival, runs: Mapping[tuple[str, str], Existing]) -> Iterable[tuple[str, ...]]:
    first = (str(each.sequence), _text(each.time), each.summary)
    if not each.decided:
        yield (*first, "-", "skip", each.reason, "", "")
    places = len(plan.namespaces) > 1
    for one in each.decided:
        run = runs.get((one.pipeline, one.identity or ""))
        name = (run.name if run else one.run) or ""
        if name and places:
            name = f"{one.namespace}/{name}"
        workflow = "" if one.run is None else (run.phase or "exists") if run else "none"
        yield (*first, one.pipeline, one.verdict, one.reason, name, workflow)


def _data(each: Arrival, runs: Mapping[tuple[str, str], Existing]) -> dict[str, Any]:
    """An event as JSON and YAML show it; the shape is a contract."""
    pipelines = []
    for one in each.decided:
        run = runs.get((one.pipeline, one.identity or ""))
        pipelines.append(
            {
                "pipeline": one.pipeline,
                "namespace": one.namespace,
                "verdict": one.verdict,
                "reason": one.reason,
                "run": one.run,
                "workflow": {"name": run.name, "phase": run.phase} if run else None,
            }
        )
    return {
        "sequence": each.sequence,
        "receivedAt": each.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "source": each.source,
        "id": each.event_id,
        "event": dict(each.event),
        "trouble": each.trouble or None,
        "pipelines": pipelines,
    }


def _bus_data(state: StreamState) -> dict[str, Any]:
    return {
        "events": state.messages,
        "begins": _text(state.begins).replace(" ", "T") + "Z" if state.messages else None,
        "keepsSeconds": int(state.max_age.total_seconds()) if state.max_age else None,
        "keepsEvents": state.max_messages,
        "keepsBytes": state.max_size,
    }


def _text(time: datetime.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
