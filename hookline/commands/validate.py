"""Check a declaration: every problem, with its line."""

import sys

import click

from hookline.command_line.common import (
    EXIT_NEGATIVE,
    EXIT_USAGE,
    DeclarationArguments,
    declaration_options,
    report,
)
from hookline.output import plural
from hookline.plan.controller_check import object_problems
from hookline.plan.objects import objects
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
    problems = [
        each for manifest in objects(plan) for each in object_problems(manifest, on_ack_one=plan.on_ack_one)
    ]
    if problems:  # a fault of hookline, not of the user
        for problem in problems:
            click.echo(f"error: {problem} (please report this: hookline must not render it)", err=True)
        sys.exit(EXIT_USAGE)
    report(plan.warnings)
    click.echo(
        f"{plural(len(plan.workloads), 'pipeline')}, {plural(len(plan.endpoints), 'source')}: valid; {pods_needed(plan).sentence}"
    )
    if strict and plan.warnings:
        sys.exit(EXIT_NEGATIVE)
