"""Record the runs of a cluster, for hookline replay."""

from pathlib import Path

import click

from documents.diagnostics import InvalidInput
from hookline.command_line.common import EXIT_NEGATIVE, fail, print_line, refuse
from hookline.command_line.exporter_options import (
    ClusterArguments,
    cluster_options,
    config_option,
    configure_logs,
    require_extra,
    stop_signal,
)
from hookline.command_line.strict import StrictCommand
from hookline.version import VERSION


@click.command(cls=StrictCommand)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@cluster_options()
@config_option
@click.option(
    "--seconds", type=click.FloatRange(min=1), help="Stop after this many seconds.  [default: at Ctrl-C]"
)
def command(
    folder: Path, cluster: ClusterArguments, configuration: Path | None, seconds: float | None
) -> None:
    """Record the runs of a cluster, for `hookline replay`: Workflows, pods, Events and the logs of steps.

    A recording holds names, refs, messages and logs of the runs unchanged. Protect it as you protect the logs.

    \b
    Examples:
      hookline record recording -n ci
      hookline record recording -n ci --seconds 600
    """
    require_extra()
    configure_logs("warning")
    from runs.exporter.configuration import read_configuration  # noqa: PLC0415
    from runs.exporter.ledger import Ledger  # noqa: PLC0415
    from runs.exporter.live import Live  # noqa: PLC0415
    from runs.exporter.recording import Recorder  # noqa: PLC0415
    from runs.exporter.service import Service  # noqa: PLC0415

    if folder.exists() and any(folder.iterdir()):
        fail(f"{folder} is not empty, and is not changed; name another folder")
    try:
        chosen = read_configuration(configuration)
    except InvalidInput as invalid:
        refuse(invalid)
    sources = cluster.sources()
    with Recorder(folder) as recorder:
        # What ended before the start is recorded too.
        ledger = Ledger(None, 0.0, count_from=0.0)
        live = Live(version=VERSION, prices=chosen.price_list)
        service = Service(sources, chosen, ledger, live, recorder=recorder)
        service.start()
        print_line(f"recording to {folder}; Ctrl-C ends it", err=True)
        stop_signal().wait(seconds)
        service.stop()
    watches = [(name, each) for name, found in service.statistics.items() for each in found]
    if service.failed is not None or not all(each.synced for _, each in watches):
        reasons = {name: each.last_error for name, each in watches if each.last_error}
        fail(
            f"the recording is incomplete, because some lists failed: {reasons or service.failed}",
            EXIT_NEGATIVE,
        )
