"""Serve metrics of runs to Prometheus, and pages to people."""

import socket
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from documents.diagnostics import InvalidInput
from hookline.command_line.common import EXIT_NEGATIVE, DeclarationArguments, fail, print_line, refuse
from hookline.command_line.exporter_options import (
    ENVIRONMENT,
    ClusterArguments,
    address,
    cluster_options,
    command_line_options,
    config_option,
    configure_logs,
    lease_of,
    require_extra,
    serving_options,
    stop_signal,
)
from hookline.command_line.strict import StrictCommand
from hookline.output import table, yaml_documents
from hookline.version import VERSION
from sensors.reasons import REASONS

PORT = 9893
NextFires = Callable[[float], Mapping[tuple[str, ...], float]]


@click.command(cls=StrictCommand, excludes={"--schedules": ["--file"]})
@cluster_options()
@config_option
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=ENVIRONMENT + "LEDGER",
    help="File that keeps the counters over restarts.  [default: none; counters begin at 0 at each start]",
)
@serving_options(ENVIRONMENT, PORT, "pages", "counts")
@click.option(
    "-f",
    "--file",
    "declaration",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT + "FILE",
    help="hookline.yaml, from which the exporter reads the coming fire times of schedules.",
)
@click.option(
    "--schedules",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=ENVIRONMENT + "SCHEDULES",
    help="File with schedules, as hookline render writes it for the exporter's pod; in place of --file, and read again when it changes.",
)
@click.option("--forecast", is_flag=True, help="Print how many series a pipeline will have, and exit.")
@click.option(
    "--manifests",
    metavar="IMAGE",
    help="Print the objects that run IMAGE in a cluster with the other options as they are given, and exit. Needs -n, or --lease for all "
    "namespaces.",
)
def command(cluster: ClusterArguments, forecast: bool, manifests: str | None, **settings: object) -> None:
    """Serve metrics of runs to Prometheus: outcomes, step durations, cache hit rates, spot capacity and cost.

    The exporter watches Workflows of ci-go-v1 and hookline-ci-go and their pods, and reads the log of each step once. It counts every run exactly
    once; with --ledger also over restarts. It serves pages at / and /runs. Environment variables can replace options:
    HOOKLINE_EXPORTER_NAMESPACE (several with spaces between them), _CONFIG, _LEDGER, _LISTEN, _WEB_CONFIG_FILE, _LEASE, _FILE, _SCHEDULES.

    \b
    Examples:
      hookline exporter -n ci --ledger ledger.db
      hookline exporter --forecast
      hookline exporter -n ci -n team-shop --config exporter.yaml
      hookline exporter -n ci --manifests registry.example.com/hookline:0.2.0
    """
    arguments = ServeArguments(**settings)  # type: ignore[arg-type]  # click checked them
    if manifests is not None:
        from hookline.command_line.exporter_pod import PodOptions, pod_objects  # noqa: PLC0415
        from triggers.image_references import is_pinned  # noqa: PLC0415

        objects = pod_objects(
            click.get_current_context(),
            PodOptions(
                manifests,
                cluster.namespaces,
                arguments.listen,
                lease_of(arguments.lease),
                arguments.configuration,
                arguments.declaration,
            ),
        )
        if not is_pinned(manifests):
            print_line(
                f"warning: --manifests {manifests}: a tag can change what runs; a digest cannot, as in "
                "registry.example.com/hookline@sha256:<64 hex digits>",
                err=True,
            )
        click.echo(yaml_documents(objects), nl=False)
        return
    if forecast:
        if others := command_line_options(click.get_current_context()) - {"--forecast"}:
            fail(
                f"--forecast takes no other option, since it reads nothing; leave out {', '.join(sorted(others))}"
            )
        _print_forecast()
        return
    require_extra()
    configure_logs("info")
    _serve(cluster, arguments)


@dataclass(frozen=True, slots=True)
class ServeArguments:
    """Options for serving."""

    configuration: Path | None
    ledger: Path | None
    listen: str
    web_configuration: Path | None
    lease: str | None
    declaration: Path | None
    schedules: Path | None


def _serve(cluster: ClusterArguments, settings: ServeArguments) -> None:
    from runs.exporter.instance import Instance, Options  # noqa: PLC0415
    from runs.exporter.schema import UnusableLedger  # noqa: PLC0415
    from runs.web.web_config import Security  # noqa: PLC0415

    host, port = address(settings.listen)
    options = Options(
        version=VERSION,
        host=host,
        port=port,
        reasons=REASONS,
        configuration=settings.configuration,
        ledger=settings.ledger,
        lease=lease_of(settings.lease),
        # Two on one machine, and a container started again in its pod, are different instances.
        identity=f"{socket.gethostname()}_{uuid.uuid4()}",
        next_fires=_next_fires(settings),
    )
    try:
        instance = Instance(options, cluster.sources(), Security(settings.web_configuration))
    except InvalidInput as invalid:
        refuse(invalid)
    try:
        well = instance.run(stop_signal(), lambda found: print_line(f"listening on {host}:{found}", err=True))
    except UnusableLedger as error:
        fail(str(error))
    except OSError as error:
        fail(f"--listen {settings.listen}: {error.strerror or error}")
    sys.exit(0 if well else EXIT_NEGATIVE)


def _next_fires(settings: ServeArguments) -> NextFires:
    """Unix seconds → namespace, owner and pipeline → the coming fire time of its schedules; nothing without a file."""
    from hookline.plan.fire_times import SchedulesFile, next_fires  # noqa: PLC0415

    if settings.schedules is not None:
        try:
            return SchedulesFile(settings.schedules).coming
        except InvalidInput as invalid:
            refuse(invalid)
    if settings.declaration is None:
        return lambda _: {}
    from hookline.plan.exporter_objects import schedules_of  # noqa: PLC0415

    return next_fires(tuple(schedules_of(DeclarationArguments((settings.declaration,), (), ()).plan())))


def _print_forecast() -> None:
    from runs.exporter.forecast import forecast, forecast_of_fan_outs, forecast_of_team  # noqa: PLC0415

    pipeline, team, fan_outs = forecast(), forecast_of_team(), forecast_of_fan_outs()
    rows = [
        *pipeline.items(),
        ("a pipeline of ci-go-v1, about", sum(pipeline.values())),
        *team.items(),
        ("a namespace with an owner, about", sum(team.values())),
        *fan_outs.items(),
        ("a source with fan-outs, in one namespace", sum(fan_outs.values())),
    ]
    click.echo(table(("FAMILY", "SERIES"), [(name, str(series)) for name, series in rows]), nl=False)
