"""Print the version."""

import click

from hookline.command_line.strict import StrictCommand
from hookline.version import VERSION


@click.command(cls=StrictCommand)
def command() -> None:
    """Print the version.

    \b
    Example:
      hookline version
    """
    click.echo(f"hookline {VERSION}")
