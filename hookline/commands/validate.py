"""Check a declaration, and print every problem with its line."""

import sys
from collections.abc import Sequence

import click

from documents.diagnostics import Diagnostic, InvalidInput
from hookline.answers.annotations import problem_data, sarif, workflow_command
from hookline.command_line.common import (
    EXIT_NEGATIVE,
    EXIT_USAGE,
    DeclarationArguments,
    declaration_arguments,
    format_option,
    objects_to_print,
    print_data,
    print_line,
    report,
)
from hookline.command_line.strict import StrictCommand
from hookline.output import plural
from hookline.plan.planning import Plan
from hookline.plan.pods import calendar_note, pods_needed
from hookline.plan.sizes import check_sizes
from hookline.version import VERSION


@click.command(cls=StrictCommand)
@declaration_arguments
@format_option(
    "text",
    "json",
    "sarif",
    "github",
    help="Format of the problems. sarif: SARIF 2.1.0, for code scanning. github: annotations of GitHub Actions.",
)
@click.option("--strict", is_flag=True, help="Fail with exit code 1 if there are warnings.")
def command(declared: DeclarationArguments, output: str, strict: bool) -> None:
    """Check a declaration, and print every problem with file, line and column.

    FILE is a file or folder of the declaration, as with -f.

    \b
    Examples:
      hookline validate
      hookline validate ci/ --strict
      hookline validate --template our-template.yaml
      hookline validate -o sarif > hookline.sarif

    As text, problems and warnings go to stderr; in the other formats they go to stdout. The exit code is 2 if there is a problem, and 1 for
    warnings under --strict.
    """
    plan: Plan | None = None
    problems: Sequence[Diagnostic]
    try:
        plan = declared.read()
        check_sizes(plan)
        objects_to_print(plan)
        problems = plan.warnings
    except InvalidInput as invalid:
        plan, problems = None, invalid.diagnostics
    match output:
        case "json":
            print_data(_answer(plan, problems), output)
        case "sarif":
            print_data(sarif(problems, VERSION), "json")
        case "github":
            for each in problems:
                click.echo(workflow_command(each))
        case _:
            report(problems)
    if plan is None:
        sys.exit(EXIT_USAGE)
    if output in {"text", "github"}:
        click.echo(
            f"{plural(len(plan.workloads), 'pipeline')}, {plural(len(plan.endpoints), 'source')}: valid; {pods_needed(plan).sentence}"
            + (f"; Workflows in {len(plan.namespaces)} namespaces" if len(plan.namespaces) > 1 else "")
        )
        for source, key, runs, pace in plan.layout.lists(plan.routes):
            if runs > pace.at_once:
                print_line(
                    f"one event of {key} ({source}) may start {plural(runs, 'run')}: {pace.words(runs)}"
                )
        if note := calendar_note(plan):
            print_line(note)
    if strict and problems:
        sys.exit(EXIT_NEGATIVE)


def _answer(plan: Plan | None, problems: Sequence[Diagnostic]) -> dict[str, object]:
    """The answer as data; the shape is a contract."""
    return {
        "apiVersion": "hookline.dev/v1",
        "kind": "Validation",
        "valid": plan is not None,
        "pipelines": None if plan is None else len(plan.workloads),
        "sources": None if plan is None else len(plan.endpoints),
        "pods": None if plan is None else pods_needed(plan).total,
        "namespaces": None if plan is None else list(plan.namespaces),
        "calendar": None if plan is None else dict(plan.on_calendar),
        "problems": [problem_data(each) for each in problems],
    }
