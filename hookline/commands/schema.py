"""Print the JSON Schema of hookline.yaml."""

import click

from hookline.command_line.strict import StrictCommand


@click.command(cls=StrictCommand)
def command() -> None:
    """Print the JSON Schema (draft-07) of hookline.yaml, for editors.

    \b
    Example:
      hookline schema > hookline.schema.json
    """
    from hookline.command_line.common import print_data  # noqa: PLC0415
    from hookline.declaration.schema import json_schema  # noqa: PLC0415

    print_data(json_schema(), "json")
