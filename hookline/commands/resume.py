"""Resume a suspended pipeline, so that events start it again."""

import click

from hookline.command_line.common import DeclarationArguments, declaration_options, print_line
from hookline.command_line.completing import complete_pipeline
from hookline.command_line.strict import StrictCommand
from hookline.command_line.suspending import declared_pipeline, edit
from hookline.declaration.suspending import resumed


@click.command(cls=StrictCommand)
@click.argument("pipeline", shell_complete=complete_pipeline)
@click.option("--dry-run", is_flag=True, help="Leave the file as it is; print only what would be changed.")
@declaration_options
def command(declared: DeclarationArguments, pipeline: str, *, dry_run: bool) -> None:
    """Resume a suspended pipeline, so that events start it again: hookline removes the key `suspended` from its file.

    It takes effect with hookline apply, or when the file reaches the cluster in whatever way you apply it. Events that arrived meanwhile stay
    without a run; start one with hookline run.

    \b
    Exit codes:
      0   the file says it
      2   wrong usage, a wrong declaration, or a file that hookline does not edit; nothing was changed

    \b
    Examples:
      hookline resume shop
    """
    plan, found = declared_pipeline(declared, pipeline)
    if found.pipeline.suspended is None:
        print_line(f"{pipeline} is not suspended")
        return
    edit(
        declared,
        plan,
        found,
        lambda text: resumed(text, pipeline),
        wanted=None,
        dry_run=dry_run,
    )
