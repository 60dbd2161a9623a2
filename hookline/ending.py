"""Ending: whatever happens in a command, it ends in a documented exit code and a sentence, never in a traceback."""

import errno
import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import click

from documents.lines import printable
from hookline.exit_codes import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_NO_READER,
    EXIT_UNWRITABLE,
    EXIT_USAGE,
)
from hookline.version import VERSION

__all__ = ["ending", "prepare_streams"]

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE}
"""Errors of writing to stdout or stderr; errors of files come with a name."""


def prepare_streams() -> None:
    """Make stdout and stderr take any text, and keep their numbers from being given to files.

    Where the caller closed stdin or stderr, Python has none, and the next file that is opened would get its number: what
    somebody writes to stderr would then land in that file.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)  # noqa: FBT003 - os takes it by place
    os.close(number)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the process


@contextmanager
def ending() -> Iterator[None]:
    """Exit with what the body exits with, after stdout has been written; with a sentence where it raises."""
    if sys.stdout is None:
        _end("stdout is closed, so that no answer can be written", EXIT_UNWRITABLE)
    try:
        yield
        sys.stdout.flush()
    except SystemExit:
        _flush()
        raise
    except click.exceptions.Exit as ended:
        _flush()
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        _show(error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _end("interrupted", EXIT_INTERRUPTED)
    except OSError as error:
        _system(error)
    except Exception as error:  # noqa: BLE001 - the last boundary: what nobody foresaw
        _fault(error)
    sys.exit(0)


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        _system(error)


def _show(error: click.ClickException) -> None:
    """The usage and the sentence, as click words them, without anything that a terminal would act on."""
    text = io.StringIO()
    error.show(text)
    for line in text.getvalue().splitlines():
        click.echo(printable(line), err=True)


def _end(sentence: str, code: int) -> NoReturn:
    with suppress(OSError, ValueError):
        click.echo(printable(f"error: {sentence}"), err=True)
    sys.exit(code)


def _system(error: OSError) -> NoReturn:
    """A file that nobody foresaw to be unreadable, or an answer that cannot be written."""
    reason = (error.strerror or str(error)).lower()
    if error.filename is not None:
        name = error.filename if isinstance(error.filename, str | bytes) else str(error.filename)
        _end(f"{os.fsdecode(name)}: {reason}", EXIT_USAGE)
    if error.errno not in _UNWRITABLE:
        _fault(error)
    # What could not be written would be tried, and complained about, once more when Python ends.
    sys.stdout = None  # as where the caller closed it
    if error.errno == errno.EPIPE:
        sys.exit(EXIT_NO_READER)
    _end(f"the answer cannot be written: {reason}", EXIT_UNWRITABLE)


def _fault(error: Exception) -> NoReturn:
    """An unforeseen error is an error in hookline; the traceback is for the person who looks for it."""
    from hookline.logs import debugging  # noqa: PLC0415 - structlog is looked at where something is wrong

    if debugging():
        for line in "".join(traceback.format_exception(error)).splitlines():
            click.echo(printable(line), err=True)
    what = " ".join(str(error).split())[:200]
    _end(
        f"hookline {VERSION} did not expect this ({type(error).__name__}: {what}). It is a fault of hookline; please report it, with "
        "what hookline --log-level debug prints before this line",
        EXIT_INTERNAL,
    )
