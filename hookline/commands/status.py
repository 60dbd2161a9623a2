"""Say whether the objects of the declaration are in a cluster, and ready."""

import sys

import click

from hookline.applying.object_name import ObjectName
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
from hookline.output import plural, table


@click.command(cls=StrictCommand)
@declaration_arguments
@target_options
@output_option
def command(declared: DeclarationArguments, target: TargetCluster, *, output: str) -> None:
    """Say whether the objects of the declaration are in a cluster, and ready.

    FILE is a file or folder of the declaration, as with -f. For differences of their content, use diff.

    \b
    Exit codes:
      0   every object is there and ready
      1   an object is missing, is not ready, or is no longer declared
      2   wrong usage, or a wrong declaration
      3   the cluster cannot be reached, or you may not do this

    \b
    Examples:
      hookline status
      hookline status -o json --context prod
    """
    plan = declared.plan_that_fits()
    names = [ObjectName.of(each) for each in objects_to_print(plan)]
    with failures():
        applier = target.applier(plan)
        recorded = applier.recorded()
        waiting = applier.not_ready(names)
        declared_ones = {name.identity for name in names}
        extra = [
            name for name in recorded if name.identity not in declared_ones and applier.read(name) is not None
        ]
    rows = [(name, "not ready" if name in waiting else "ready", waiting.get(name, "")) for name in names]
    rows += [
        (name, "not declared", "the declaration no longer has it; hookline apply deletes it")
        for name in extra
    ]
    if output == "table":
        click.echo(
            table(
                ("OBJECT", "NAMESPACE", "STATE", "WAITS FOR"),
                ((str(name), name.namespace, *rest) for name, *rest in rows),
            ),
            nl=False,
        )
        if not recorded:
            print_line(
                f"hookline apply has not been here: there is no ConfigMap {plan.prefix}-inventory in {plan.namespace}"
            )
    else:
        keys = ("state", "reason")
        items = [name.data | dict(zip(keys, rest, strict=True)) for name, *rest in rows]
        print_data(
            {"apiVersion": "hookline.dev/v1", "kind": "Status", "applied": bool(recorded), "items": items},
            output,
        )
    wrong = len(waiting) + len(extra)
    if wrong:
        click.echo(f"{plural(wrong, 'object')} of {len(rows):,} not as declared", err=True)
    sys.exit(EXIT_NEGATIVE if wrong else 0)
