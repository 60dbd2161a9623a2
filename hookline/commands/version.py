"""Print the version."""

import click

from hookline.version import VERSION


@click.command()
def command() -> None:
    """Print the version.

    \b
    Example:
      hookline version
    """
    click.echo(f"hookline {VERSION}")
