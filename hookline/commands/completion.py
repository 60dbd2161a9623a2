"""Print the completion script of a shell."""

import click
from click.shell_completion import get_completion_class

from hookline.command_line.strict import StrictCommand


@click.command(cls=StrictCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      source <(hookline completion bash)
      hookline completion fish > ~/.config/fish/completions/hookline.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.BadParameter(f"no completion for {shell}")
    click.echo(
        found(click.get_current_context().find_root().command, {}, "hookline", "_HOOKLINE_COMPLETE").source()
    )
