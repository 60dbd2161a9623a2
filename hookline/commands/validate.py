"""Check a declaration, and print every problem with its line."""

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
@click.option("--strict", is_flag=True, help="Fail with exit code 1 if there are warnings.")
def command(
    declared: DeclarationArguments,
    strict: bool,
) -> None:
    """Check a declaration, and print every problem with file, line and column.

    \b
    Examples:
      hookline validate
      hookline validate -f ci/ --strict
      hookline validate --template our-template.yaml

    Problems and warnings go to stderr. The exit code is 2 if there is a problem, and 1 for warnings under --strict.
    """
    plan = declared.plan_that_fits()
    objects_to_print(plan)
    report(plan.warnings)
    click.echo(
        f"{plural(len(plan.workloads), 'pipeline')}, {plural(len(plan.endpoints), 'source')}: valid; {pods_needed(plan).sentence}"
    )
    if strict and plan.warnings:
        sys.exit(EXIT_NEGATIVE)
