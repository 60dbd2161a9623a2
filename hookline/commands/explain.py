"""Say why a pipeline does, or does not, start."""

import sys

import click

from events.canonical import summary
from events.delivery import DeliveryError
from hookline.answers.explanation import Explanation, explain
from hookline.command_line.common import (
    EXIT_UNDECIDABLE,
    DeclarationArguments,
    declaration_options,
    fail,
    output_option,
    print_data,
    print_line,
)
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.event_options import EventArguments, event_options, read_event
from hookline.command_line.strict import StrictCommand
from hookline.output import table
from sensors.reasons import meaning


@click.command(cls=StrictCommand)
@click.argument("pipeline", shell_complete=complete_pipeline)
@declaration_options
@event_options
@output_option
@click.option("--strict", is_flag=True, help="Fail with exit code 5 if the verdict is unknown.")
def command(
    pipeline: str,
    declared: DeclarationArguments,
    output: str,
    strict: bool,
    event: EventArguments,
) -> None:
    """Say why an event starts PIPELINE or does not: every clause, with the line of hookline.yaml in which it is written.

    If the run starts, a second table lists its settings that come from a default or a pattern, with their lines. Give EVENT as for simulate.

    \b
    Examples:
      hookline explain shop -e delivery.json
      hookline explain shop -e delivery.json --files changed.txt
    """
    plan = declared.plan()
    if pipeline not in plan.workloads:
        fail(f'there is no pipeline "{pipeline}"; pipelines: {", ".join(list(plan.workloads)[:20])}')
    try:
        found = explain(plan, read_event(plan, event, output), pipeline, event.changed_files())
    except DeliveryError as error:
        fail(f"--files: {error}")
    if output == "table":
        _print(found)
    else:
        print_data(answer(found), output)
    if strict and found.result.verdict == "unknown":
        sys.exit(EXIT_UNDECIDABLE)


def answer(found: Explanation) -> dict[str, object]:
    """The explanation as data; the shape is a contract."""
    return {
        "apiVersion": "hookline.dev/v1",
        "kind": "Explanation",
        "pipeline": found.result.pipeline,
        "namespace": found.result.namespace,
        "verdict": found.result.verdict,
        "reason": found.result.reason,
        "event": dict(found.event),
        "pushes": found.result.pushes,
        "clauses": [
            {
                "code": clause.code,
                "result": clause.result,
                "detail": clause.detail,
                "position": str(clause.position) if clause.position else None,
            }
            for clause in found.clauses
        ],
        "inherited": [
            {"setting": each.setting, "value": each.value, "position": str(each.position)}
            for each in found.inherited
        ],
    }


def _print(found: Explanation) -> None:
    result = found.result
    why = meaning(result.reason, found.event, result.verdict)
    print_line(f"{result.verdict.upper()}   {result.pipeline}   {result.reason}: {why}")
    print_line(f"event   {summary(dict(found.event))}")
    if result.workflow is not None:
        print_line(f"run     {result.namespace}/{result.workflow['metadata']['name']}")
    if result.fan_out is not None:
        print_line(f"run     by fan-out {result.fan_out['metadata']['name']}")
    if result.publishing:
        print_line(f"run     {result.publishing}")
    click.echo()
    rows = [
        (clause.result, clause.code, clause.detail, str(clause.position) if clause.position else "(always)")
        for clause in found.clauses
    ]
    click.echo(table(("RESULT", "CLAUSE", "THE EVENT", "WRITTEN AT"), rows), nl=False)
    if found.inherited and result.action == "run":
        click.echo()
        settings = [(each.setting, each.value[:100], str(each.position)) for each in found.inherited]
        click.echo(table(("SETTING", "FROM A DEFAULT OR A PATTERN", "WRITTEN AT"), settings), nl=False)
    if (result.verdict, result.reason) == ("run", "PATHS"):
        click.echo(
            "\nThe event does not list every changed file, so the first step of the run compares them. The run ends there if none is chosen. "
            "Give the changed files with --files to get the answer now."
        )
    if result.verdict == "unknown" and result.action == "run":
        click.echo(
            "\nThe payload does not hold enough to decide, so the pipeline runs. Give the changed files with --files to get an answer; "
            "paths: {unknown: skip} lets such events start nothing."
        )
