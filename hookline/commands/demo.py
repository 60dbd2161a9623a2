"""Show the way from events to Workflows, without a cluster."""

import os
import shutil
import sys
import urllib.request
from importlib import resources
from pathlib import Path

import click

from hookline.command_line.common import fail, print_line
from hookline.command_line.exporter_options import address, missing_package, stop_signal
from hookline.version import VERSION

NOW = "2026-11-24T18:30:00Z"
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("hookline checks the declaration and counts the pods that it needs.", ("validate",)),
    ("", ("render", "--pods")),
    (
        "A push to GitHub, signed with the webhook's secret, starts a Workflow.",
        ("simulate", "-e", "push.http", "--secret-file", "webhook-secret", "--now", NOW),
    ),
    (
        "A new base image in the registry starts a Workflow (ACR cannot sign).",
        ("simulate", "-e", "image-push.http", "--now", NOW),
    ),
    ("The schedule starts a nightly build.", ("next", "--count", "3", "--now", NOW)),
    ("", ("simulate", "-e", "schedule:hello-world", "--now", "2026-11-24T18:34:00Z")),
    (
        "A pull request from a fork starts nothing; this is why.",
        ("explain", "hello-world", "-e", "fork.http", "--now", NOW),
    ),
    (
        "A push with a forged signature is refused.",
        ("simulate", "-e", "forged.http", "--secret-file", "webhook-secret"),
    ),
)


LISTEN = "127.0.0.1:9893"
WRITTEN = "hookline-dashboards"
"""Folder that the demo leaves behind."""
SHOWN = ("hookline_runs_total", "hookline_cache_requests_total", "hookline_cache_hits_total")


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the demo's files to this folder, to try commands with, and run nothing.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help=f"Serve the recorded day at this address until Ctrl-C.  [default: {LISTEN}, on a terminal]",
)
def command(folder: Path | None, listen: str | None) -> None:
    """Show hookline without a cluster: which builds events start, why others start none, and the metrics of a recorded day.

    The demo writes dashboards and rules to the folder hookline-dashboards.

    \b
    Examples:
      hookline demo
      hookline demo --listen 127.0.0.1:8080
      hookline demo --to demo && cd demo && hookline simulate -e push.http
    """
    with resources.as_file(resources.files("hookline").joinpath("demo_data")) as files:
        if folder is not None:
            _copy(files, folder)
            return
        before = Path.cwd()
        os.chdir(files)
        try:
            for title, arguments in STEPS:
                _show(title, arguments)
            _measure(listen, before / WRITTEN)
        finally:
            os.chdir(before)


def _copy(files: Path, folder: Path) -> None:
    if folder.exists():
        fail(f"{folder} exists, and is not overwritten; name another folder")
    try:
        shutil.copytree(files, folder, ignore=shutil.ignore_patterns("__pycache__", "__init__.py"))
    except OSError as error:
        fail(f"{folder}: cannot be written: {(error.strerror or str(error)).lower()}")
    print_line(f"wrote {folder}", err=True)


def _show(title: str, arguments: tuple[str, ...]) -> None:
    if title:
        click.echo(f"\n# {title}")
    shown = (f"'{part}'" if " " in part else part for part in arguments)
    click.echo(f"$ hookline {' '.join(shown)}")
    try:
        group = click.get_current_context().find_root().command
        group.main(args=list(arguments), prog_name="hookline", standalone_mode=False)
    except SystemExit as ended:  # a refusal is an answer, and part of the demo
        click.echo(f"(exit code {ended.code})")


def _measure(listen: str | None, written: Path) -> None:
    """Serve the recorded day: until Ctrl-C where someone can press it, else as long as it takes to ask it once."""
    if name := missing_package():
        click.echo(
            f"\nThe demo does not measure the recorded day: the exporter's packages are missing ({name})."
        )
        click.echo("Install hookline with its extra `exporter`.")
        return
    from runs.exporter.configuration import read_configuration  # noqa: PLC0415
    from runs.exporter.replaying import Replayed  # noqa: PLC0415
    from sensors.reasons import REASONS  # noqa: PLC0415

    stays = listen is not None or sys.stdin.isatty()
    replayed = Replayed(Path("day.zip"), read_configuration(Path("exporter.yaml")))
    host, port = address(listen or LISTEN)
    server = replayed.server(VERSION, REASONS, host, port if stays else 0)
    try:
        url = f"http://{host}:{server.start()}"
    except OSError as error:
        fail(f"{listen or LISTEN}: {error.strerror or error}; name another address with --listen")
    click.echo("\n# The exporter measures a day of builds that was recorded on a cluster.")
    click.echo(f"$ hookline replay day.zip --config exporter.yaml --listen {host}:{url.rpartition(':')[2]}")
    click.echo(f"$ curl -s {url}/metrics | grep shop")
    with urllib.request.urlopen(f"{url}/metrics") as answer:  # noqa: S310 - our own server
        for line in answer.read().decode().splitlines():
            if line.startswith(SHOWN) and 'pipeline="shop"' in line and not line.endswith(" 0"):
                click.echo(line)
    _show(
        "hookline writes dashboards, recording rules and alerts on those metrics.",
        ("dashboards", "-o", str(written)),
    )
    click.echo(f"\nPages: {url}/runs   Metrics: {url}/metrics")
    if stays:
        click.echo("Ctrl-C ends it.")
        stop_signal().wait()
    else:
        click.echo(
            "The pages end with this command, because it has no terminal. To keep them: hookline demo --listen HOST:PORT"
        )
    server.stop()
