"""Run the tests that a declaration lists."""

import sys

import click

from hookline.answers.testing import run_tests
from hookline.command_line.common import EXIT_NEGATIVE, DeclarationArguments, declaration_options, print_line


@click.command()
@declaration_options
def command(declared: DeclarationArguments) -> None:
    """Run the tests that a declaration lists under tests:.

    \b
    Example:
      hookline test -f ci/

    A test is an event with the verdicts that it must give. The exit code is 1 if a verdict differs, or if there is no test.
    """
    plan = declared.plan()
    verdicts = list(run_tests(plan))
    for verdict in verdicts:
        if verdict.passed:
            print_line(f"ok     {verdict.name}: {verdict.pipeline} {verdict.found}")
        else:
            print_line(
                f"FAIL   {verdict.name}: {verdict.pipeline} expected {verdict.expected}, got {verdict.found}   {verdict.position}"
            )
    failed = sum(not verdict.passed for verdict in verdicts)
    click.echo(f"{len(verdicts) - failed} passed, {failed} failed")
    if failed or not verdicts:
        if not verdicts:
            click.echo("error: the declaration lists no tests; write them under tests:", err=True)
        sys.exit(EXIT_NEGATIVE)
