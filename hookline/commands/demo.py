"""hookline demo."""

import os
import shutil
from importlib import resources
from pathlib import Path

import click

from hookline.commands.common import fail

NOW = "2026-11-24T18:30:00Z"
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("The declaration is checked, and its objects are made.", ("validate",)),
    ("", ("render", "--pods")),
    (
        "A push to GitHub, signed with the webhook's secret: a Workflow.",
        ("simulate", "-e", "push.http", "--secret-file", "webhook-secret", "--now", NOW),
    ),
    (
        "A new base image in the registry (ACR cannot sign).",
        ("simulate", "-e", "image-push.http", "--now", NOW),
    ),
    ("The nightly build.", ("next", "--count", "3", "--now", NOW)),
    ("", ("simulate", "-e", "schedule:hello-world", "--now", "2026-11-24T18:34:00Z")),
    (
        "A pull request from a fork: refused, and why.",
        ("explain", "hello-world", "-e", "fork.http", "--now", NOW),
    ),
    (
        "A forged push: it never reaches the bus.",
        ("simulate", "-e", "forged.http", "--secret-file", "webhook-secret"),
    ),
)


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the demo's files there, to play with, instead of running it.",
)
def command(folder: Path | None) -> None:
    """Show the way from events to Workflows, without a cluster: a push, an image, a schedule, two refusals.

    \b
    Examples:
      hookline demo
      hookline demo --to demo && cd demo && hookline simulate -e push.http
    """
    from hookline.cli import main  # noqa: PLC0415 - the group imports this module

    with resources.as_file(resources.files("hookline").joinpath("demo_data")) as files:
        if folder is not None:
            if folder.exists():
                fail(f"{folder} exists; it stays as it is")
            try:
                shutil.copytree(files, folder, ignore=shutil.ignore_patterns("__pycache__", "__init__.py"))
            except OSError as error:
                fail(f"{folder}: cannot be written: {(error.strerror or str(error)).lower()}")
            click.echo(f"wrote {folder}", err=True)
            return
        before = Path.cwd()
        os.chdir(files)
        try:
            for title, arguments in STEPS:
                if title:
                    click.echo(f"\n# {title}")
                shown = (f"'{part}'" if " " in part else part for part in arguments)
                click.echo(f"$ hookline {' '.join(shown)}")
                try:
                    main.main(args=list(arguments), prog_name="hookline", standalone_mode=False)
                except SystemExit as ended:  # a refusal is an answer, and part of the demo
                    click.echo(f"(exit code {ended.code})")
        finally:
            os.chdir(before)
