"""Name the first broken hop of an event's way, and what mends it."""

import sys
from collections.abc import Sequence

import click

from documents.lines import printable
from hookline.command_line.applying_options import TargetCluster, failures, target_options
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_arguments,
    objects_to_print,
    output_option,
    print_data,
    print_line,
)
from hookline.command_line.strict import StrictCommand
from hookline.doctor.findings import Finding, State
from hookline.doctor.hops import CHECKS, Hop, diagnosed, first_broken
from hookline.output import plural

SHOWN = 5
"""Findings of the first broken hop that are printed; there may be one for each of many namespaces."""


@click.command(cls=StrictCommand)
@declaration_arguments
@target_options
@click.option(
    "--end-to-end",
    is_flag=True,
    help="Send a signed push to a pipeline that runs no container, and follow it to its Workflow and the exporter. It reads the webhook's secret.",
)
@output_option
def command(declared: DeclarationArguments, target: TargetCluster, *, end_to_end: bool, output: str) -> None:
    """Name the first broken hop between an event and its Workflow, and the commands that mend it.

    FILE is a file or folder of the declaration, as with -f.

    Doctor changes nothing, and starts nothing without --end-to-end. It asks the API server, the bus's servers through it, and the address of the webhooks from this machine. What
    you may not read is said to be not checked. hookline docs doctor tells what each check means and which rights it needs.

    \b
    Exit codes:
      0   nothing is broken
      1   a hop is broken
      2   wrong usage, or a wrong declaration
      3   the cluster cannot be reached, or takes nobody

    \b
    Examples:
      hookline doctor
      hookline doctor -f ci/ --context prod
      hookline doctor -o json
      hookline doctor --end-to-end
    """
    from hookline.doctor.collecting import collected  # noqa: PLC0415 - the client of the cluster is slow to load

    plan = declared.plan_that_fits()
    objects = objects_to_print(plan)
    progress = _Progress()
    with failures():
        try:
            facts = collected(plan, objects, target.connection(), progress, end_to_end=end_to_end)
        finally:
            progress.end()
    hops = diagnosed(plan, facts)
    first = first_broken(hops)
    if output == "table":
        _print(hops, first)
    else:
        print_data(_data(hops, first), output)
    sys.exit(EXIT_NEGATIVE if first is not None else 0)


def _print(hops: Sequence[Hop], first: Hop | None) -> None:
    """A line for each hop, and at the end the first broken one with everything that mends it."""
    width = max(len(title) for title, _ in CHECKS.values())
    for hop in hops:
        # Only on a terminal has it a colour.
        click.secho(f"{hop.state:11}  ", fg=_COLOURS[hop.state], bold=hop is first, nl=False)
        print_line(f"{hop.title:{width}}  {hop.says}")
    if first is not None:
        print_line("")
        print_line(f"The first broken hop: {first.title}")
        found = [each for each in first.findings if each.state == "broken"]
        for finding in found[:SHOWN]:
            print_line(f"  {finding.says}")
            for each in finding.commands:
                print_line(f"    {each}")
        if len(found) > SHOWN:
            print_line(f"  and {len(found) - SHOWN} more; hookline doctor -o json has all")
        print_line(f"  What it means: {first.runbook}")
    counts = {state: sum(hop.state == state for hop in hops) for state in _COLOURS}
    others = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    print_line(f"{plural(len(hops), 'hop')}: {others}", err=True)


_COLOURS: dict[State, str] = {"broken": "red", "warning": "yellow", "not checked": "cyan", "ok": "green"}


def _data(hops: Sequence[Hop], first: Hop | None) -> dict[str, object]:
    """The answer as data; the shape is a contract."""
    return {
        "apiVersion": "hookline.dev/v1",
        "kind": "Diagnosis",
        "firstBroken": first.check if first is not None else None,
        "items": [
            {
                "check": hop.check,
                "state": hop.state,
                "runbook": hop.runbook,
                "findings": [_finding(each) for each in hop.findings],
            }
            for hop in hops
        ],
    }


def _finding(found: Finding) -> dict[str, object]:
    return {"state": found.state, "says": found.says, "commands": list(found.commands)}


class _Progress:
    """Shows on a terminal what is asked."""

    def __call__(self, what: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\033[Kasking for {printable(what)} ...", nl=False, err=True)

    @staticmethod
    def end() -> None:
        """Leave the line empty."""
        if sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)
