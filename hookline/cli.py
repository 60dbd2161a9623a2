"""The command line: one group, each command in a module of its own that is imported only when it runs."""

import gc
import importlib
import sys
from collections.abc import Mapping
from typing import Any

import click

from hookline.version import VERSION

__all__ = ["main", "run"]

COMMANDS: Mapping[str, str] = {
    "init": "Write a commented hookline.yaml for the repository you stand in.",
    "validate": "Check a declaration: every problem, with its line.",
    "render": "Print or write the objects to apply.",
    "simulate": "Say what every pipeline would do about an event.",
    "explain": "Say why a pipeline does, or does not, start.",
    "test": "Run the tests: of a declaration.",
    "next": "List coming fire times of schedules.",
    "template": "Print workflow templates, check one, say what they need.",
    "schema": "Print the JSON Schema of hookline.yaml.",
    "exporter": "Serve metrics of runs to Prometheus, and pages of them.",
    "record": "Write down what a cluster says of its runs.",
    "replay": "Measure a recording, without a cluster.",
    "dashboards": "Write Grafana dashboards, recording rules and alerts.",
    "demo": "Show the way from events to Workflows, without a cluster.",
    "completion": "Print the completion script of a shell.",
    "version": "Print the version.",
}
"""Command → its one line in the overview, so that --help loads no command."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"hookline.commands.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"hookline/commands/{cmd_name}.py must define `command`")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS:
            import difflib  # noqa: PLC0415 - only for a typing error

            near = difflib.get_close_matches(name, COMMANDS, 1)
            ctx.fail(
                f"No such command '{name}'."
                + (f" Did you mean {near[0]}?" if near else f" Commands: {', '.join(COMMANDS)}.")
            )
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="hookline %(version)s")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Logs go to stderr, as lines of key=value. No event content above debug.",
)
def main(log_level: str | None) -> None:
    """CI triggers for Argo: hookline.yaml in, Argo Events objects out, and the answer for any event beforehand.

    \b
    Exit codes: 0 done; 1 a negative answer (failed tests, warnings under --strict);
    2 wrong usage or declaration; 3 a cluster that cannot be reached; 5 undecidable under --strict.
    """
    if log_level is not None:
        from hookline.logs import configure  # noqa: PLC0415 - structlog is loaded where somebody wants logs

        configure(log_level)


def run(arguments: list[str] | None = None) -> Any:
    """Run the command line and exit."""
    # A command makes many objects, none in cycles worth looking for, and ends: collecting costs a tenth of its time.
    gc.disable()
    try:
        main.main(args=arguments, prog_name="hookline")
    except BrokenPipeError:
        # The reader has gone (`| head`): nobody is left to tell.
        sys.stderr.close()
        sys.exit(141)
