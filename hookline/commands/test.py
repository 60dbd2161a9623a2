"""Run the tests that a declaration lists."""

import sys

import click

from hookline.answers.testing import Verdict, run_tests
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    DeclarationArguments,
    declaration_arguments,
    format_option,
    print_line,
)
from hookline.command_line.strict import StrictCommand


@click.command(cls=StrictCommand)
@declaration_arguments
@format_option(
    "text",
    "junit",
    help="Format of the results. junit: JUnit XML, for CI servers.",
)
def command(declared: DeclarationArguments, output: str) -> None:
    """Run the tests that a declaration lists under tests:.

    FILE is a file or folder of the declaration, as with -f.

    \b
    Examples:
      hookline test ci/
      hookline test -o junit > hookline-tests.xml

    A test is an event with the verdicts that it must give. The exit code is 1 if a verdict differs, or if there is no test.
    """
    plan = declared.plan()
    verdicts = list(run_tests(plan))
    if output == "junit":
        from hookline.answers.junit import junit  # noqa: PLC0415 - XML is loaded where somebody wants it

        click.echo(junit(verdicts), nl=False)
    else:
        _print(verdicts)
    if not verdicts:
        click.echo("error: the declaration lists no tests; write them under tests:", err=True)
    if not verdicts or not all(verdict.passed for verdict in verdicts):
        sys.exit(EXIT_NEGATIVE)


def _print(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        if verdict.passed:
            what = f"   {verdict.publishing}" if verdict.publishing.endswith("nothing") else ""
            print_line(f"ok     {verdict.name}: {verdict.pipeline} {verdict.found}{what}")
        else:
            print_line(
                f"FAIL   {verdict.name}: {verdict.pipeline} expected {verdict.expected}, got {verdict.found}   {verdict.position}"
            )
    failed = sum(not verdict.passed for verdict in verdicts)
    click.echo(f"{len(verdicts) - failed} passed, {failed} failed")
