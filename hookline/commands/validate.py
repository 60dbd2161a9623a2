"""Check a declaration: every problem, with its line."""

import sys

import click

from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_options,
    objects_to_print,
    report,
)
from hookline.output import plural
from hookline.plan.pods import pods_needed


@click.command()
@declaration_options
@click.option("--strict", is_flag=True, help="Warnings are failures too (exit code 1).")
def command(
    declared: DeclarationArguments,
    strict: bool,
) -> None:
    """Check a declaration: every problem, with file, line and column.

    \b
    Examples:
      hookline validate
      hookline validate -f ci/ --strict
      hookline validate --template our-template.yaml

    Problems and warnings go to stderr. Exit code 2 if something is refused, 1 for warnings under --strict.
    """
    plan = declared.plan_that_fits()
    objects_to_print(plan)
    report(plan.warnings)
    click.echo(
        f"{plural(len(plan.workloads), 'pipeline')}, {plural(len(plan.endpoints), 'source')}: valid; {pods_needed(plan).sentence}"
    )
    if strict and plan.warnings:
        sys.exit(EXIT_NEGATIVE)
