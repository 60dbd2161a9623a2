"""hookline replay bus:NO: the runs of one event of the bus, shown, asked for and created."""

import datetime
import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from events.canonical import summary
from events.delivery import DeliveryError, Refusal
from hookline.answers.incoming import EventOptions, incoming
from hookline.answers.simulation import Result, Simulation, simulate
from hookline.command_line.agreeing import agree
from hookline.command_line.bus_options import BusArguments
from hookline.command_line.bus_search import message_on_bus
from hookline.command_line.common import EXIT_NEGATIVE, fail, format_option, print_data, print_line
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.steering_options import because_option, cluster_runs, steering_failures
from hookline.output import plural, table, yaml_documents
from hookline.plan.planning import Plan
from hookline.steering.manual import person, reason
from hookline.steering.replaying import again, as_decided
from triggers.manual_run import run_name

if TYPE_CHECKING:
    from hookline.steering.cluster_runs import ClusterRuns

__all__ = ["Wanted", "replay_event", "replay_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options of the command."""

    pipelines: frozenset[str]
    """Of which runs are wanted; empty = all that the event starts."""
    because: str
    yes: bool
    again: bool
    dry_run: bool
    output: str


def replay_options(command: Command) -> Command:
    """The options that are about an event; the command gets them as `wanted`."""

    @because_option
    @click.option(
        "-y",
        "--yes",
        is_flag=True,
        help="Of an event: create without asking. Required where nobody can answer.",
    )
    @click.option(
        "--again",
        is_flag=True,
        help="Of an event: create another Workflow, with a name of its own, where the event has one.",
    )
    @click.option("--dry-run", is_flag=True, help="Of an event: print the Workflows and create nothing.")
    @click.option(
        "--pipeline",
        "pipelines",
        multiple=True,
        shell_complete=complete_pipeline,
        help="Of an event: only the run of this pipeline; repeatable.",
    )
    @format_option(
        "text",
        "name",
        "json",
        "yaml",
        help="Format of the answer. Of an event: text, a sentence, with --dry-run the Workflows; name, namespace/name; json and yaml, the Workflows. "
        "With --controller: text, a table; json and yaml, the statuses.",
    )
    @functools.wraps(command)
    def wrapped(
        *,
        because: str,
        yes: bool,
        again: bool,
        dry_run: bool,
        pipelines: tuple[str, ...],
        output: str,
        **others: Any,
    ) -> Any:
        wanted = Wanted(frozenset(pipelines), because, yes, again, dry_run, output)
        return command(wanted=wanted, **others)

    return wrapped  # type: ignore[return-value]  # as in declaration_options


def replay_event(plan: Plan, bus: BusArguments, named: str, wanted: Wanted) -> None:
    """Start what one event of the bus starts; ends the command with 1 if that is nothing.

    Args:
        plan: Of the declaration.
        bus: The way to the bus, and to the cluster.
        named: The event, as bus:NO.
        wanted: The options.
    """
    for name in wanted.pipelines:
        if name not in plan.workloads:
            fail(f'there is no pipeline "{name}"; pipelines: {", ".join(list(plan.workloads)[:20])}')
    with steering_failures():
        found = _simulated(plan, bus, named)
        starting = [
            each
            for each in found.results
            if each.workflow is not None and (not wanted.pipelines or each.pipeline in wanted.pipelines)
        ]
        pasted = any(
            "workflow.annotations" in plan.workloads[each.pipeline].template.pasted for each in starting
        )
        reason(wanted.because, pasted=pasted)
        runs = cluster_runs(bus.target)
        existing = {each.pipeline: _existing(runs, each) for each in starting}
        _show(found, starting, existing, wanted)
        if not starting:
            print_line("the event starts no run under this declaration; hookline explain says why", err=True)
            sys.exit(EXIT_NEGATIVE)
        new = [each for each in starting if wanted.again or existing[each.pipeline] is None]
        if wanted.dry_run or not new:
            made = [_workflow(each, existing[each.pipeline], "", wanted, "00") for each in new]
            _finish(made if wanted.dry_run else [], wanted)
            if not new:
                print_line("every run of the event exists; --again makes another one", err=True)
            return
        if not wanted.yes:
            agree(f"Create {plural(len(new), 'Workflow')}?", "nothing was created")
        by = person(runs.person())
        answers = [_created(runs, each, existing[each.pipeline], by, wanted) for each in new]
        _finish([each for each in answers if each is not None], wanted)


def _simulated(plan: Plan, bus: BusArguments, named: str) -> Simulation:
    try:
        content = message_on_bus(plan, bus, named.removeprefix("bus:"))
        return simulate(plan, incoming(plan, named, content, EventOptions()))
    except DeliveryError as error:
        fail(f"{named}: {error}")
    except Refusal as refusal:
        fail(f"{named}: {refusal}")


def _existing(runs: "ClusterRuns", result: Result) -> str | None:
    """The phase of the Workflow that the Sensor's name leads to; None if there is none."""
    workflow = result.workflow or {}
    found = runs.read(result.namespace, workflow["metadata"]["name"])
    if found is None:
        return None
    return str((found.get("status") or {}).get("phase") or "Pending")


def _show(
    found: Simulation, starting: list[Result], existing: Mapping[str, str | None], wanted: Wanted
) -> None:
    print_line(f"event   {summary(dict(found.event))}", err=True)
    rows = []
    for each in starting:
        name = (each.workflow or {})["metadata"]["name"]
        phase = existing[each.pipeline]
        action = "would be created" if phase is None else f"exists: {phase}"
        if phase is not None and wanted.again:
            action += "; another one would be created"
        rows.append((each.pipeline, each.namespace, each.reason, name, action, each.publishing))
    if rows:
        head = ("PIPELINE", "NAMESPACE", "REASON", "WORKFLOW", "", "PUBLISHES")
        click.echo(table(head, rows), nl=False, err=True)


def _workflow(result: Result, phase: str | None, by: str, wanted: Wanted, suffix: str) -> dict[str, Any]:
    workflow = result.workflow or {}
    if phase is None:
        return as_decided(workflow, by, wanted.because)
    name = run_name(result.pipeline, datetime.datetime.now(datetime.UTC), suffix)
    return again(workflow, name, by, wanted.because)


def _created(
    runs: "ClusterRuns", result: Result, phase: str | None, by: str, wanted: Wanted
) -> dict[str, Any] | None:
    if phase is None:
        # The name is the Sensor's, so that whoever comes second finds it there.
        found = runs.create_once(_workflow(result, None, by, wanted, ""))
        if found is None:
            name = (result.workflow or {})["metadata"]["name"]
            print_line(f"workflow {name} exists by now: somebody else has created it", err=True)
        return found
    return runs.create(functools.partial(_workflow, result, phase, by, wanted))


def _finish(made: list[dict[str, Any]], wanted: Wanted) -> None:
    """Print what was made, or would be."""
    if wanted.output == "text":
        if wanted.dry_run:
            print_line("nothing is created", err=True)
            click.echo(yaml_documents(made), nl=False)
            return
        for each in made:
            print_line(f"workflow {each['metadata']['name']} created in {each['metadata']['namespace']}")
    elif wanted.output == "name":
        for each in made:
            print_line(f"{each['metadata']['namespace']}/{each['metadata']['name']}")
    else:
        print_data({"apiVersion": "v1", "kind": "List", "items": made}, wanted.output)
