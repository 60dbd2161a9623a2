"""Measure a recording without a cluster, or start an event's runs again."""

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from documents.diagnostics import InvalidInput
from hookline.command_line.bus_options import BusArguments, bus_options
from hookline.command_line.common import (
    DeclarationArguments,
    declaration_options,
    fail,
    print_data,
    print_line,
    refuse,
)
from hookline.command_line.event_options import BUS
from hookline.command_line.exporter_options import (
    address,
    config_option,
    configure_logs,
    require_extra,
    stop_signal,
)
from hookline.command_line.replaying_events import Wanted, replay_event, replay_options
from hookline.command_line.strict import StrictCommand
from hookline.output import table
from hookline.version import VERSION
from sensors.reasons import REASONS

OF_RECORDINGS = {
    "configuration": "--config",
    "listen": "--listen",
    "openmetrics": "--openmetrics",
    "controller": "--controller",
}
"""Parameters that an event of the bus has no use for."""
OF_EVENTS = {
    "because": "--because",
    "yes": "--yes",
    "again": "--again",
    "dry_run": "--dry-run",
    "pipelines": "--pipeline",
    "files": "--file",
    "template_files": "--template",
    "cluster_templates": "--template-from-cluster",
    "kubeconfig": "--kubeconfig",
    "context": "--context",
    "url": "--bus-url",
}
"""Parameters that a recording has no use for."""


# A server answers in the format that the scraper asks for.
@click.command(
    cls=StrictCommand,
    excludes={
        "--listen": ["--openmetrics"],
        "--controller": ["--listen", "--openmetrics"],
        "--dry-run": ["--yes"],
    },
)
@click.argument("what", metavar="RECORDING|bus:NO")
@config_option
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Of a recording: serve metrics and pages at this address instead of printing the metrics.",
)
@click.option(
    "--openmetrics",
    is_flag=True,
    help="Of a recording: print OpenMetrics, which names Workflows as exemplars.",
)
@click.option(
    "--controller",
    is_flag=True,
    help="Of a recording: print what the controller would have told the git hosts, in order. --config is then the file of the controller.",
)
@replay_options
@declaration_options
@bus_options
def command(
    declared: DeclarationArguments,
    bus: BusArguments,
    *,
    what: str,
    configuration: Path | None,
    listen: str | None,
    openmetrics: bool,
    controller: bool,
    wanted: Wanted,
) -> None:
    """Measure a recording without a cluster, or start the runs of one event of the bus again.

    RECORDING is the folder that `hookline record` wrote, or a zip of it. The code of the exporter measures it; with --controller, that of the
    controller says what it would have told.

    bus:NO is an event as `hookline events` numbers it; bus: also takes the id of the delivery or the commit. hookline decides it under the
    declaration, shows the Workflows, asks, and creates them with your own rights. A Workflow has the name that its Sensor gives it. One that
    exists is left alone, unless --again asks for another. The new ones say who started them and why.

    \b
    Exit codes:
      0   done; of an event: the runs were created, or exist
      1   the event starts no run, or you said no
      2   wrong usage, or the API server would refuse a Workflow
      3   the cluster or its bus cannot be reached, or you may not do this

    \b
    Examples:
      hookline replay recording
      hookline replay recording --listen 127.0.0.1:9893
      hookline replay recording --controller --config controller.yaml -o json
      hookline replay bus:3000 --because "the registry was down"
      hookline replay bus:e24e886e42c6 --pipeline shop --again --yes
    """
    context = click.get_current_context()
    is_event = what.startswith(BUS)
    for name, option in (OF_RECORDINGS if is_event else OF_EVENTS).items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            kind = "an event of the bus" if is_event else "a recording"
            raise click.UsageError(f"{option} has no effect on {kind}; leave it out.")
    if not is_event and context.get_parameter_source("output") is ParameterSource.COMMANDLINE:
        if not controller:
            raise click.UsageError("--output has no effect on the metrics of a recording; leave it out.")
        if wanted.output == "name":
            raise click.UsageError("--output name: statuses have no names; accepted: text, json, yaml.")
    if is_event:
        replay_event(declared.plan(), bus, what, wanted)
        return
    recording = Path(what)
    if not recording.exists():
        fail(f"{recording}: no such recording; an event of the bus is named bus:NO")
    require_extra()
    if controller:
        _print_told(recording, configuration, wanted.output)
    else:
        configure_logs("warning")
        _measure(recording, configuration, listen, openmetrics=openmetrics)


def _print_told(recording: Path, configuration: Path | None, output: str) -> None:
    """Print the statuses that the controller would have told."""
    from runs.controller.replaying import told  # noqa: PLC0415
    from runs.controller.settings import read_settings  # noqa: PLC0415
    from runs.exporter.recording import InvalidRecording, changes_of  # noqa: PLC0415

    if configuration is None:
        fail(
            "--controller needs the file of the controller: --config FILE (hookline docs controller#settings)"
        )
    try:
        settings = read_settings(configuration)
        found = list(told(changes_of(recording, "workflows"), settings))
    except InvalidInput as invalid:
        refuse(invalid)
    except InvalidRecording as error:
        fail(str(error))
    if output == "text":
        head = ("TIME (UTC)", "SOURCE", "REPOSITORY", "COMMIT", "STATUS", "STATE", "DESCRIPTION")
        click.echo(table(head, [each.row for each in found]), nl=False)
        return
    items = [each.data for each in found]
    print_data({"apiVersion": "hookline.dev/v1", "kind": "Statuses", "items": items}, output)


def _measure(recording: Path, configuration: Path | None, listen: str | None, *, openmetrics: bool) -> None:
    """Print or serve the metrics of a recording."""
    from runs.exporter.configuration import read_configuration  # noqa: PLC0415
    from runs.exporter.recording import InvalidRecording  # noqa: PLC0415
    from runs.exporter.replaying import Replayed  # noqa: PLC0415

    try:
        replayed = Replayed(recording, read_configuration(configuration))
    except InvalidInput as invalid:
        refuse(invalid)
    except InvalidRecording as error:
        fail(str(error))
    if listen is None:
        sys.stdout.buffer.write(replayed.ledger.exposition(openmetrics=openmetrics))
        return
    host, port = address(listen)
    server = replayed.server(VERSION, REASONS, host, port)
    try:
        found = server.start()
    except OSError as error:
        fail(f"--listen {listen}: {error.strerror or error}")
    print_line(f"listening on http://{host}:{found}; Ctrl-C ends it", err=True)
    stop_signal().wait()
    server.stop()
