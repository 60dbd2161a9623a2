"""Questions before something is done that nobody takes back."""

import sys

import click

from hookline.command_line.common import EXIT_NEGATIVE, fail, print_line

__all__ = ["agree"]


def agree(question: str, left: str) -> None:
    """Ask a person, and end the command where the answer is no: code 1, a negative answer. Ctrl-C at the question is 130, as anywhere.

    Args:
        question: On stderr, with [y/N] behind it. Enter means no, and so does the end of the input (Ctrl-D).
        left: What did not happen, as in "nothing was deleted".
    """
    if not sys.stdin or not sys.stdin.isatty():
        fail(f"{left}; add --yes")
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as aborted:
        # Click makes the same exception of the end of the input and of Ctrl-C.
        if not isinstance(aborted.__context__, EOFError):
            raise
        agreed = False
        click.echo(err=True)
    if not agreed:
        print_line(left, err=True)
        sys.exit(EXIT_NEGATIVE)
