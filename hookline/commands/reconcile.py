"""Create the runs that events on the bus should have started, and did not."""

import datetime
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from hookline.command_line.bus_options import BusArguments, bus_options, limits, open_bus, parse_since
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_arguments,
    fail,
    output_option,
    print_data,
    print_line,
)
from hookline.command_line.strict import StrictCommand
from hookline.output import plural, table
from hookline.reconciling.decisions import MEANINGS, Finding

if TYPE_CHECKING:
    from hookline.reconciling.reconciler import Examined, Made


@click.command(cls=StrictCommand)
@declaration_arguments
@bus_options
@click.option(
    "--since",
    callback=parse_since,
    metavar="DURATION",
    default="30m",
    show_default=True,
    help="Look at the events that arrived in this time.",
)
@click.option(
    "--grace",
    callback=parse_since,
    metavar="DURATION",
    default="2m",
    show_default=True,
    help="Leave a younger event to its Sensor, which tries for up to 69 s.",
)
@click.option(
    "--skip-superseded",
    is_flag=True,
    help="Leave out the run of a push or request if a newer commit of the branch or request has its run.",
)
@click.option("--dry-run", is_flag=True, help="Create nothing; say what would be created.")
@output_option
def command(
    declared: DeclarationArguments,
    bus: BusArguments,
    *,
    since: datetime.timedelta,
    grace: datetime.timedelta,
    skip_superseded: bool,
    dry_run: bool,
    output: str,
) -> None:
    """Create the runs that events on the bus should have started, and did not.

    FILE is a file or folder of the declaration, as with -f. It must be what the cluster has: hookline diff says so.

    Each event is decided by the program that its Sensor runs. A Workflow gets the name that the Sensor gives it, so nothing runs twice. What
    cannot be proven is listed and not created: an event that is older than the declaration in the cluster, a Workflow whose ttl may be over, a run
    that had ended. hookline docs reconcile says how each is decided.

    \b
    Exit codes:
      0   no run is missing, or all that were missing were created
      1   runs are missing: with --dry-run, or because the API server refused them
      2   wrong usage, or a wrong declaration
      3   the cluster or its bus cannot be reached, or you may not do this

    \b
    Examples:
      hookline reconcile --dry-run
      hookline reconcile --since 2h --context prod
    """
    from hookline.reconciling.reconciler import Changed, Reconciler  # noqa: PLC0415 - brings the cluster's client

    plan = declared.plan()
    made: list[Made] = []
    with open_bus(plan, bus) as opened:
        reconciler = Reconciler(plan, opened.reader, opened.connection, opened.resources)
        examined = reconciler.examine(since, grace, skip_superseded=skip_superseded)
        try:
            made = [] if dry_run else list(reconciler.create(examined))
        except Changed as changed:
            fail(f"{changed}; run it again", EXIT_NEGATIVE)
    lost = [each for each in examined.findings if each.code == "LOST"]
    if output == "table":
        _print(examined, made, dry_run=dry_run)
    else:
        print_data(_data(examined, made, dry_run=dry_run), output)
    refused = [each for each in made if each.refused]
    for each in refused:
        print_line(
            f"error: {each.finding.due.namespace}/{each.finding.due.name}: the API server refuses it: {each.refused}",
            err=True,
        )
    if not examined.complete:
        print_line(
            f"the bus does not reach back as far as --since asks: only to {examined.state.begins:%Y-%m-%d %H:%M:%S} UTC; what was lost before "
            "that is not known",
            err=True,
        )
    print_line(f"{_sentence(examined, made)}; {limits(examined.state)}", err=True)
    sys.exit(EXIT_NEGATIVE if refused or (dry_run and lost) else 0)


def _sentence(examined: "Examined", made: Sequence["Made"]) -> str:
    counts = Counter(each.code for each in examined.findings)
    created = sum(each.created for each in made)
    parts = [
        plural(examined.events, "event"),
        *([f"{examined.unreadable:,} unreadable"] if examined.unreadable else []),
        f"{plural(counts['EXISTS'], 'run')} there",
        f"{counts['LOST']:,} missing",
        *([f"{created:,} created"] if made else []),
    ]
    undecided = counts.total() - counts["EXISTS"] - counts["LOST"]
    return ", ".join([*parts, *([f"{undecided:,} left alone"] if undecided else [])])


def _word(finding: Finding, made: "Made | None", *, dry_run: bool) -> str:
    if finding.code != "LOST":
        return "left alone"
    if dry_run or made is None:
        return "would create"
    if made.refused:
        return "refused"
    return "created" if made.created else "exists by now"


def _print(examined: "Examined", made: Sequence["Made"], *, dry_run: bool) -> None:
    outcomes = {each.finding.due.key: each for each in made}
    rows = []
    for each in examined.findings:
        if each.code == "EXISTS":
            continue
        meaning = MEANINGS[each.code]
        if each.code == "LOST" and each.behind:
            meaning += "; a newer commit of the branch or request has run"
        word = _word(each, outcomes.get(each.due.key), dry_run=dry_run)
        sequence, time = each.due.deliveries[0]
        where = f"{each.due.namespace}/{each.due.name}"
        rows.append(
            (str(sequence), f"{time:%Y-%m-%d %H:%M:%S}", each.due.pipeline, where, word, each.code, meaning)
        )
    if rows:
        head = ("NO", "RECEIVED (UTC)", "PIPELINE", "RUN", "", "REASON", "MEANING")
        click.echo(table(head, rows), nl=False)
    else:
        print_line("no run is missing")


def _data(examined: "Examined", made: Sequence["Made"], *, dry_run: bool) -> dict[str, Any]:
    """The answer as data; the shape is a contract."""
    outcomes = {each.finding.due.key: each for each in made}
    items = [
        {
            "sequence": each.due.deliveries[0][0],
            "receivedAt": each.due.deliveries[0][1].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "pipeline": each.due.pipeline,
            "namespace": each.due.namespace,
            "run": each.due.name,
            "action": _word(each, outcomes.get(each.due.key), dry_run=dry_run),
            "reason": each.code,
            "newerRunExists": each.behind,
        }
        for each in examined.findings
        if each.code != "EXISTS"
    ]
    counts = Counter(each.code for each in examined.findings)
    return {
        "apiVersion": "hookline.dev/v1",
        "kind": "Reconciliation",
        "events": examined.events,
        "unreadable": examined.unreadable,
        "complete": examined.complete,
        "counts": dict(sorted(counts.items())),
        "items": items,
    }
