"""Tell git hosts how runs go: statuses of commits."""

import socket
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from documents.diagnostics import InvalidInput
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
from hookline.output import table
from hookline.version import VERSION

if TYPE_CHECKING:
    from runs.controller.settings import ControllerSettings

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
@serving_options(ENVIRONMENT, PORT, "probes", "acts")
@click.option("--dry-run", is_flag=True, help="Print what hosts would be told now, tell nothing, and exit.")
def command(
    cluster: ClusterArguments,
    configuration: Path,
    listen: str,
    web_configuration: Path | None,
    lease: str | None,
    dry_run: bool,
) -> None:
    """Tell git hosts how runs go: each run of a commit gives the commit a status.

    The controller watches the Workflows that hookline started. It tells GitHub, GitLab, Gitea and Forgejo when a run waits, when it runs, and how it
    ended. It keeps nothing itself: an annotation on the Workflow says what the host was told. It can be stopped, killed and started at any moment.

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
    except InvalidInput as invalid:
        refuse(invalid)
    controller = Controller(options, cluster.sources().connection, security)
    if dry_run:
        try:
            found = controller.due()
        except ConnectionError as error:
            fail(str(error), EXIT_UNREACHABLE)
        rows = [
            (
                source,
                each.status.repository,
                each.status.sha[:12],
                each.status.context,
                each.status.word,
                each.status.description,
            )
            for source, each in sorted(found, key=lambda pair: (pair[0], pair[1].status.key))
        ]
        click.echo(table(("SOURCE", "REPOSITORY", "COMMIT", "STATUS", "WORD", "DESCRIPTION"), rows), nl=False)
        return
    configure_logs("info")
    try:
        well = controller.run(
            stop_signal(), lambda found: print_line(f"listening on {host}:{found}", err=True)
        )
    except OSError as error:
        fail(f"--listen {listen}: {error.strerror or error}")
    sys.exit(0 if well else EXIT_NEGATIVE)


def _require_app_extra(settings: "ControllerSettings") -> None:
    """End the command where a source has an App and the package that signs is not installed."""
    from runs.reports.github_app import missing_package  # noqa: PLC0415

    apps = sorted(name for name, each in settings.sources.items() if each.app is not None)
    if apps and (name := missing_package()):
        fail(
            f"sources.{apps[0]}.app needs a package that is missing ({name}); install hookline with its extra `github-app`"
        )
