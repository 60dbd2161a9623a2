"""The command line: one group, each command in a module of its own that is imported only when it runs."""

import gc
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click

from hookline import commands
from hookline.command_line.strict import StrictGroup
from hookline.ending import ending, prepare_streams
from hookline.version import VERSION

__all__ = ["command_names", "main", "run", "summary"]


@cache
def command_names() -> tuple[str, ...]:
    """Every command: the modules of `hookline.commands`, with - for _."""
    return tuple(sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__)))


def module_of(name: str) -> str:
    """The module of a command."""
    return f"hookline.commands.{name.replace('-', '_')}"


def summary(name: str) -> str:
    """The one line of a command in the overview, read from its module's first line: --help loads no command."""
    spec = importlib.util.find_spec(module_of(name))
    if spec is None or spec.origin is None:
        raise KeyError(name)
    with Path(spec.origin).open(encoding="utf-8") as source:
        return source.readline().strip().strip('"')


class LazyGroup(StrictGroup):
    """A group whose commands are imported when they are needed, and that turns every exception into an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit; with `standalone_mode` False, return or raise as click does."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        given = list(sys.argv[1:] if args is None else args)
        if "_HOOKLINE_COMPLETE" in os.environ:
            # A shell asks; how bash does is read otherwise than click would.
            importlib.import_module("hookline.command_line.completing")
        with ending():
            if any("\0" in each for each in given):
                raise click.UsageError("an argument holds the character NUL, which no name has")
            code = super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
            # What a command exits with through click is returned; one that comes to its end returns nothing.
            sys.exit(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(command_names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in command_names():
            return None
        command = importlib.import_module(module_of(cmd_name)).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module_of(cmd_name)} must define `command`")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(name)) for name in command_names()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in command_names() and not ctx.resilient_parsing:
            import difflib  # noqa: PLC0415 - only for a typing error

            near = difflib.get_close_matches(name, command_names(), 1)
            ctx.fail(
                f"No such command '{name}'."
                + (f" Did you mean {near[0]}?" if near else f" Commands: {', '.join(command_names())}.")
            )
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="hookline %(version)s")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Print logs of this level and above on stderr, as lines of key=value. Only debug shows the content of events.",
)
def main(log_level: str | None) -> None:
    """Start CI builds on Argo from events: hookline turns hookline.yaml into Argo Events objects, and says beforehand what an event starts.

    Begin with init, validate, simulate and render.

    \b
    Exit codes:
      0   done
      1   a negative answer (failed tests, warnings under --strict)
      2   wrong usage, or a wrong declaration
      3   the cluster cannot be reached
      5   a verdict is unknown, under --strict
      70  an error in hookline itself
      74  the answer cannot be written
      130 interrupted by Ctrl-C
      141 the reader of the answer has gone, as in | head
      143 ended by SIGTERM with work left
    """
    if log_level is not None:
        from hookline.logs import configure  # noqa: PLC0415 - structlog is loaded where somebody wants logs

        configure(log_level)


def run(arguments: list[str] | None = None) -> Any:
    """Run the command line and exit."""
    # A command makes many objects, none in cycles worth looking for, and ends: collecting costs a tenth of its time.
    gc.disable()
    prepare_streams()
    main.main(args=arguments, prog_name="hookline")
