"""Show what apply would change in a cluster."""

import sys

import click

from hookline.applying.changes import difference
from hookline.command_line.applying_options import (
    TargetCluster,
    change_data,
    failures,
    objects_to_apply,
    sentence,
    target_options,
)
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_arguments,
    format_option,
    print_data,
    print_line,
    report,
)
from hookline.command_line.strict import StrictCommand
from hookline.plan.subscriptions import subscription_changes


@click.command(cls=StrictCommand)
@declaration_arguments
@target_options
@click.option("--force-conflicts", is_flag=True, help="Show also what this option of apply would undo.")
@format_option("diff", "table", "json", "yaml", help="Format of the answer.")
def command(
    declared: DeclarationArguments, target: TargetCluster, *, force_conflicts: bool, output: str
) -> None:
    """Show what apply would change in a cluster: each object, and the subscriptions that would lose events.

    FILE is a file or folder of the declaration, as with -f.

    The API server tries every change without effect, so its defaults and its refusals are in the answer. Values of Secrets are not
    shown.

    \b
    Exit codes:
      0   nothing would change
      1   something would change
      2   wrong usage, a wrong declaration, or the API server would refuse an object
      3   the cluster cannot be reached, or you may not do this

    \b
    Examples:
      hookline diff
      hookline diff -o table --context prod
    """
    plan = declared.plan_that_fits()
    desired = objects_to_apply(plan)
    report(plan.warnings)
    with failures():
        examined = target.applier(plan).examine(desired, force_conflicts=force_conflicts, prune=True)
    moved = subscription_changes(
        [each.before for each in examined.changes if each.before is not None],
        [each.after for each in examined.changes if each.after is not None],
    )
    losses = [each for each in moved if each.loses_events]
    shown = [each for each in examined.changes if each.action != "unchanged"]
    match output:
        case "diff":
            for change in shown:
                for line in difference(change):
                    print_line(line)
        case "table":
            for change in shown:
                print_line(f"{change.name} {change.action}" + (f": {change.reason}" if change.reason else ""))
        case _:
            found = {
                "apiVersion": "hookline.dev/v1",
                "kind": "Difference",
                "items": [change_data(each) | {"difference": list(difference(each))} for each in shown],
                "subscriptions": [
                    {"name": each.name, "effect": each.effect, "pipelines": list(each.pipelines)}
                    for each in losses
                ],
            }
            print_data(found, output)
    for each in losses:
        print_line(f"subscription {each.name}: {each.effect}", err=True)
    print_line(sentence(examined.changes), err=True)
    sys.exit(EXIT_NEGATIVE if examined.changing else 0)
