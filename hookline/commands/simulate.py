"""Say which pipelines an event would start."""

import sys
from collections.abc import Mapping

import click

from events.canonical import summary
from events.delivery import DeliveryError
from hookline.answers.simulation import Simulation, simulate
from hookline.command_line.common import (
    EXIT_UNDECIDABLE,
    DeclarationArguments,
    declaration_options,
    fail,
    format_option,
    print_data,
    print_line,
)
from hookline.command_line.event_options import EventArguments, event_options, read_event
from hookline.command_line.strict import StrictCommand
from hookline.output import plural, table, yaml_documents
from sensors.fan_out import pace_of, run_count
from sensors.reasons import OPEN_PATHS, REASONS, meaning


@click.command(cls=StrictCommand)
@declaration_options
@event_options
@format_option(
    "text",
    "table",
    "manifest",
    "json",
    "yaml",
    help="Format of the answer. text: the table and the Workflows. table: the table alone. manifest: the Workflows alone, for kubectl create "
    "-f -.",
)
@click.option("--strict", is_flag=True, help="Fail with exit code 5 if a verdict is unknown.")
def command(
    declared: DeclarationArguments,
    output: str,
    strict: bool,
    event: EventArguments,
) -> None:
    """Say which pipelines an event would start, and print their Workflows.

    EVENT is a file, - for stdin, or schedule:PIPELINE. The file holds a raw HTTP request, deliveries that GitHub or GitLab saved,
    headers and payload copied from a page, a recording (HAR), a curl command, a CloudEvent as on the bus, or a bare body (with --header).
    FILE#2 is the second delivery of a file. hookline decides by the same program text as the Sensor.

    \b
    Examples:
      hookline simulate -e delivery.json
      hookline simulate -e push.json --source github --header 'X-GitHub-Event: push'
      hookline simulate -e push.http --secret-file webhook-secret
      hookline simulate -e recorded.har#2
      hookline simulate -e schedule:shop --now 2026-11-25T02:30:00Z
      hookline simulate -e delivery.json -o manifest | kubectl create -f -
    """
    plan = declared.plan()
    try:
        found = simulate(plan, read_event(plan, event, output), event.changed_files())
    except DeliveryError as error:
        fail(f"--files: {error}")
    created = [
        each for result in found.results if result.workflow for each in (result.workflow, *result.beside)
    ]
    if output in {"json", "yaml"}:
        print_data(answer(found), output)
    if output in {"text", "table"}:
        images = {name: each.pipeline.image for name, each in plan.declaration.pipelines.items()}
        suspended = {
            name: each.pipeline.suspended.because
            for name, each in plan.declaration.pipelines.items()
            if each.pipeline.suspended is not None
        }
        _print(found, images, suspended, places=len(plan.namespaces) > 1)
    if output in {"text", "manifest"} and created:
        click.echo(("\n" if output == "text" else "") + yaml_documents(created), nl=False)
    if output == "manifest" and not created:
        click.echo("no pipeline starts; hookline simulate -o table says why", err=True)
    if strict and any(result.verdict == "unknown" for result in found.results):
        sys.exit(EXIT_UNDECIDABLE)


def answer(found: Simulation) -> dict[str, object]:
    """The simulation as data; the shape is a contract."""
    return {
        "apiVersion": "hookline.dev/v1",
        "kind": "Simulation",
        "event": dict(found.event),
        "unused": [dict(event) for event in found.unused],
        "results": [
            {
                "pipeline": result.pipeline,
                "namespace": result.namespace,
                "verdict": result.verdict,
                "reason": result.reason,
                "action": result.action,
                "sensor": result.sensor,
                "trigger": result.trigger,
                "cronWorkflow": result.cron_workflow,
                "pushes": result.pushes,
                "workflow": result.workflow,
                "fanOut": result.fan_out["metadata"]["name"] if result.fan_out else None,
            }
            for result in found.results
        ],
        "fanOuts": [
            {
                "name": each["metadata"]["name"],
                "namespace": each["metadata"]["namespace"],
                "runs": run_count(each),
                "pace": pace_of(each).encode(),
                "seconds": pace_of(each).seconds(run_count(each)),
            }
            for each in found.fan_outs
        ],
        "others": dict(found.others),
    }


def _print(
    found: Simulation, images: Mapping[str, str | None], suspended: Mapping[str, str], *, places: bool
) -> None:
    """Print the answer as a table.

    Args:
        found: The answer.
        images: Pipeline → its image; what a run pushes is told where it is another one.
        suspended: Pipeline → why it is suspended.
        places: Whether Workflows are created in several namespaces, so that each is named.
    """
    print_line(f"event   {summary(dict(found.event))}")
    for event in found.unused:
        print_line(f"unused  {summary(dict(event))}   (one delivery, one Workflow a trigger)")
    click.echo()
    if found.results:
        rows = []
        for result in found.results:
            name = result.workflow["metadata"]["name"] if result.workflow else ""
            if result.pushes is not None and result.pushes != images.get(result.pipeline):
                name += f" ({result.publishing})"
            if result.reason == "SUSPENDED":
                name = f"{meaning(result.reason, found.event)}: {suspended[result.pipeline]}"
            rows.append(
                (
                    result.pipeline,
                    *((result.namespace,) if places else ()),
                    result.verdict,
                    result.reason,
                    name or meaning(result.reason, found.event),
                )
            )
        head = ("PIPELINE", *(("NAMESPACE",) if places else ()), "VERDICT", "REASON", "WORKFLOW")
        click.echo(table(head, rows), nl=False)
        for result in found.results:
            if (result.verdict, result.reason) == ("run", "PATHS"):
                print_line(f"{result.pipeline}: run, {OPEN_PATHS}")
    else:
        click.echo("no pipeline is about this event")
    for each in found.fan_outs:
        runs = run_count(each)
        print_line(f"fan-out {each['metadata']['name']}: {plural(runs, 'run')}, {pace_of(each).words(runs)}")
    for reason, count in found.others.items():
        click.echo(f"{plural(count, 'other pipeline')}: skip {reason} ({REASONS[reason]})")
