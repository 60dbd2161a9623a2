"""Measure a recording, without a cluster."""

import sys
from pathlib import Path

import click

from documents.diagnostics import InvalidInput
from hookline.command_line.common import fail, print_line, refuse
from hookline.command_line.exporter_options import address, config_option, require_extra, stop_signal
from hookline.logs import configure
from hookline.version import VERSION
from sensors.reasons import REASONS


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@config_option
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Serve metrics and pages at this address instead of printing the metrics.",
)
@click.option("--openmetrics", is_flag=True, help="Print OpenMetrics, which names Workflows as exemplars.")
def command(recording: Path, configuration: Path | None, listen: str | None, openmetrics: bool) -> None:
    """Measure a recording of `hookline record` without a cluster, by the code of the exporter.

    RECORDING is the folder that `hookline record` wrote, or a zip of it.

    \b
    Examples:
      hookline replay recording
      hookline replay recording --listen 127.0.0.1:9893
    """
    require_extra()
    configure("warning")
    from runs.exporter.configuration import read_configuration  # noqa: PLC0415
    from runs.exporter.recording import InvalidRecording  # noqa: PLC0415
    from runs.exporter.replaying import Replayed  # noqa: PLC0415

    if not recording.exists():
        fail(f"{recording}: no such recording")
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
