"""Suspend a pipeline, so that no event starts it."""

import click

from documents.arguments import literal_text
from documents.scalars import check_moment
from hookline.command_line.common import DeclarationArguments, declaration_options, fail
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.strict import StrictCommand
from hookline.command_line.suspending import declared_pipeline, edit
from hookline.declaration.model import Suspension
from hookline.declaration.suspending import suspended


@click.command(cls=StrictCommand)
@click.argument("pipeline", shell_complete=complete_pipeline)
@click.option("--because", required=True, metavar="TEXT", help="Why; simulate and explain say it.")
@click.option(
    "--until",
    metavar="TIME",
    help="Day, such as 2026-12-01, or time with a zone, from which on events start the pipeline again by themselves.",
)
@click.option("--dry-run", is_flag=True, help="Leave the file as it is; print only what would be changed.")
@declaration_options
def command(
    declared: DeclarationArguments, pipeline: str, *, because: str, until: str | None, dry_run: bool
) -> None:
    """Suspend a pipeline, so that no event starts it: hookline writes the key `suspended` into its file.

    It takes effect with hookline apply, or when the file reaches the cluster in whatever way you apply it. Events that arrive meanwhile start
    nothing, also later: simulate, explain and next say SUSPENDED. Runs under way go on; hookline cancel stops them. A run by hand starts all
    the same.

    \b
    Exit codes:
      0   the file says it
      2   wrong usage, a wrong declaration, or a file that hookline does not edit; nothing was changed

    \b
    Examples:
      hookline suspend shop --because "the registry is moved"
      hookline suspend shop --because "code freeze" --until 2026-12-01
    """
    try:
        literal_text(because)
    except ValueError as error:
        fail(f"--because: {error}")
    if until is not None:
        try:
            check_moment(until)
        except ValueError as error:
            fail(f"--until: {error}")
    plan, found = declared_pipeline(declared, pipeline)
    edit(
        declared,
        plan,
        found,
        lambda text: suspended(text, pipeline, because, until),
        wanted=Suspension(because=because, until=until),
        dry_run=dry_run,
    )
