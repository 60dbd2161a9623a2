"""Tell git hosts how runs go: statuses of commits."""

import socket
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.address import BusError
from documents.diagnostics import InvalidInput
from hookline.command_line.bus_options import parse_bus_url
from hookline.command_line.common import EXIT_NEGATIVE, EXIT_UNREACHABLE, fail, print_line, refuse
from hookline.command_line.exporter_options import (
    ClusterArguments,
    address,
    cluster_options,
    configure_logs,
    lease_of,
    require_extra,
    serving_options,
    stop_signal,
)
from hookline.command_line.strict import StrictCommand
from hookline.declaration.carrying import INDEX, load_carried
from hookline.declaration.loading import load
from hookline.output import table
from hookline.plan.planning import make_plan
from hookline.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apiserver.connection import Connection
    from runs.controller.duty import Companion, Hands
    from runs.controller.instance import Controller
    from runs.controller.settings import ControllerSettings
    from runs.reports.status import Report

PORT = 9894
ENVIRONMENT = "HOOKLINE_CONTROLLER_"


@click.command(cls=StrictCommand)
@cluster_options(ENVIRONMENT)
@click.option(
    "--config",
    "configuration",
    required=True,
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT + "CONFIG",
    help="File with the settings of the controller (hookline docs controller#settings).",
)
@click.option(
    "--declaration",
    "declared",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT + "DECLARATION",
    help="hookline.yaml, or the folder in which the pod has it. With it the controller does what its controller: block asks of the bus.",
)
@click.option(
    "--bus-url",
    "url",
    metavar="URL",
    callback=parse_bus_url,
    help="Connect to the bus at this URL, such as tls://127.0.0.1:4222.  [default: through the API server; in a pod: directly]",
)
@serving_options(ENVIRONMENT, PORT, "probes", "acts")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what hosts would be told, which runs would be stopped, and which lost ones created, do nothing, and exit.",
)
def command(
    cluster: ClusterArguments,
    configuration: Path,
    declared: Path | None,
    url: tuple[str, int] | None,
    listen: str,
    web_configuration: Path | None,
    lease: str | None,
    dry_run: bool,
) -> None:
    """Tell git hosts how runs go: each run of a commit gives the commit a status.

    The controller watches the Workflows that hookline started. It tells the git host when a run waits, when it runs, and how it
    ended. With --declaration it also brings back lost runs and mends the bus, as controller: says there. It keeps nothing itself: an annotation on
    the Workflow says what the host was told. It can be stopped, killed and started at any moment.

    \b
    Examples:
      hookline controller -n ci --config controller.yaml
      hookline controller -n ci --config controller.yaml --dry-run
    """
    require_extra()
    from runs.controller.instance import Controller, Options  # noqa: PLC0415
    from runs.controller.settings import read_settings  # noqa: PLC0415
    from runs.web.web_config import Security  # noqa: PLC0415

    host, port = address(listen)
    try:
        options = Options(
            version=VERSION,
            host=host,
            port=port,
            settings=read_settings(configuration),
            namespaces=cluster.namespaces,
            lease=lease_of(lease),
            # Two on one machine, and a container started again in its pod, are different instances.
            identity=f"{socket.gethostname()}_{uuid.uuid4()}",
        )
        _require_app_extra(options.settings)
        security = Security(web_configuration)
        beside = [] if declared is None else _companions(declared, url, in_pod=cluster.is_own)
    except InvalidInput as invalid:
        refuse(invalid)
    connection = cluster.sources().connection
    controller = Controller(options, connection, security, beside)
    if dry_run:
        configure_logs("warning")
        _print_due(controller, beside)
        _print_lost(beside, connection)
        return
    configure_logs("info")
    try:
        well = controller.run(
            stop_signal(), lambda found: print_line(f"listening on {host}:{found}", err=True)
        )
    except OSError as error:
        fail(f"--listen {listen}: {error.strerror or error}")
    sys.exit(0 if well else EXIT_NEGATIVE)


def _print_due(controller: "Controller", beside: "Sequence[Companion]") -> None:
    """Print the statuses that would be told, those of no run apart, and the runs that would be stopped."""
    from apiserver.connection import Refused, Unreachable  # noqa: PLC0415
    from apiserver.resources import UnknownKind  # noqa: PLC0415
    from hookline.controlling.follower import Follower  # noqa: PLC0415

    def hear(hands: "Hands") -> None:
        for each in beside:
            if isinstance(each, Follower):
                each.look(hands)

    try:
        found, stops = controller.due(hear)
    except ConnectionError as error:
        fail(str(error), EXIT_UNREACHABLE)
    except (BusError, Refused, Unreachable, UnknownKind) as error:
        fail(f"events of the bus cannot be read: {error}", EXIT_UNREACHABLE)
    found.sort(key=lambda pair: (pair[0], pair[1].status.key))
    _print_statuses("STATUS", [each for each in found if not each[1].yields])
    if skipped := [each for each in found if each[1].yields]:
        click.echo()
        _print_statuses("STATUS OF NO RUN", skipped)
    if stops:
        ending = [
            (f"{each.namespace}/{each.name}", each.strategy, each.why)
            for each in sorted(stops, key=lambda each: (each.namespace, each.name))
        ]
        click.echo("\n" + table(("RUN", "STEP", "REASON"), ending), nl=False)


def _print_statuses(name: str, found: "Sequence[tuple[str, Report]]") -> None:
    rows = [
        (source, status.repository, status.sha[:12], status.context, status.word, status.description)
        for source, each in found
        for status in (each.status,)
    ]
    click.echo(table(("SOURCE", "REPOSITORY", "COMMIT", name, "WORD", "DESCRIPTION"), rows), nl=False)


def _print_lost(beside: "Sequence[Companion]", connection: "Connection") -> None:
    """Print the lost runs that would be created now; a bus that cannot be read ends the command with code 3."""
    from apiserver.connection import Refused, Unreachable  # noqa: PLC0415
    from apiserver.resources import UnknownKind  # noqa: PLC0415
    from hookline.controlling.reconciling import Reconciling  # noqa: PLC0415

    for each in beside:
        if not isinstance(each, Reconciling):
            continue
        try:
            lost = each.due(connection)
        except (BusError, Refused, Unreachable, UnknownKind) as error:
            fail(f"lost runs cannot be looked for: {error}", EXIT_UNREACHABLE)
        rows = [
            (f"{due.deliveries[0][1]:%Y-%m-%d %H:%M:%S}", due.pipeline, f"{due.namespace}/{due.name}")
            for due in lost
        ]
        click.echo("\n" + table(("RECEIVED (UTC)", "PIPELINE", "LOST RUN"), rows), nl=False)


def _companions(declared: Path, url: tuple[str, int] | None, *, in_pod: bool) -> "Sequence[Companion]":
    """The companions that the declaration asks for.

    Raises:
        InvalidInput: With every problem of the declaration.
    """
    from hookline.bus_access import bus_of  # noqa: PLC0415 - brings the clients of cluster and bus
    from hookline.controlling.composing import companions  # noqa: PLC0415

    if (declared / INDEX).exists():
        declaration, templates = load_carried(declared)
        # The exporter's files are in its own pod.
        declaration = replace(declaration, exporter=None)
    else:
        declaration, templates = load([declared]), {}
    plan = make_plan(declaration, templates)
    return companions(plan, lambda connection: bus_of(plan, connection, url, in_pod=in_pod))


def _require_app_extra(settings: "ControllerSettings") -> None:
    """End the command where a source has an App and the package that signs is not installed."""
    from runs.reports.github_app import missing_package  # noqa: PLC0415

    apps = sorted(name for name, each in settings.sources.items() if each.app is not None)
    if apps and (name := missing_package()):
        fail(
            f"sources.{apps[0]}.app needs a package that is missing ({name}); install hookline with its extra `github-app`"
        )
